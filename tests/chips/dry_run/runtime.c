/* An empty runtime under the Ascend host code: device memory is the host's, streams and events are mere addresses,
 * kernels and collectives are counted and do nothing.  No arithmetic happens here.
 *
 * Functions written out below hand something back to their caller.  All others that the host code asks for stand in
 * names.inc, which is generated: each EMPTY(name) counts its calls and answers that all went well.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API(name) int name
#define ANSWERS(type, name) type name

enum { WELL = 0, NOT_SUPPORTED = 207000, NO_DEVICE_CHOSEN = 107002 };
enum { DEVICE_TO_HOST = 2 };
enum { ROOT_INFO_BYTES = 4108, MOST_OPS = 1024 };
static const uint64_t MEMORY_BYTES = 64ULL << 30;

/* ---- counting ---------------------------------------------------------------------------------------------------- */

#define EMPTY(name) N_##name,
enum {
#include "names.inc"
    NUM_NAMES
};
#undef EMPTY

#define EMPTY(name) #name,
static const char *const names[] = {
#include "names.inc"
    0
};
#undef EMPTY

static unsigned long calls[NUM_NAMES + 1], host_reads, host_bytes;
static int read_as;

#define EMPTY(name) \
    API(name)(void) { __atomic_fetch_add(&calls[N_##name], 1, __ATOMIC_RELAXED); return WELL; }
#include "names.inc"
#undef EMPTY

/* Operators of the older interface come by name. */
static char *old_ops[MOST_OPS];
static unsigned long old_calls[MOST_OPS];

static int old_operator(const char *name)
{
    for (int i = 0; i < MOST_OPS; i++) {
        if (!old_ops[i]) old_ops[i] = strdup(name);
        if (!strcmp(old_ops[i], name)) { old_calls[i]++; return WELL; }
    }
    return NOT_SUPPORTED;
}

API(aclopCompileAndExecute)(const char *name) { return old_operator(name); }
API(aclopCompileAndExecuteV2)(const char *name) { return old_operator(name); }

/* Writes one line "name count" for all that was called since the last report. */
int dry_run_report(const char *path)
{
    FILE *file = fopen(path, "w");
    if (!file) return 1;
    for (int i = 0; i < NUM_NAMES; i++)
        if (calls[i]) fprintf(file, "%s %lu\n", names[i], calls[i]);
    for (int i = 0; i < MOST_OPS && old_ops[i]; i++)
        if (old_calls[i]) fprintf(file, "aclop:%s %lu\n", old_ops[i], old_calls[i]);
    fprintf(file, "host_reads %lu\nhost_bytes %lu\n", host_reads, host_bytes);
    memset(calls, 0, sizeof calls);
    memset(old_calls, 0, sizeof old_calls);
    host_reads = host_bytes = 0;
    return fclose(file);
}

/* Chooses the byte that everything read back to the host consists of: nothing was computed that could be read. */
void dry_run_read_as(int byte) { read_as = byte; }

/* ---- devices ----------------------------------------------------------------------------------------------------- */

static int chosen = -1;

static const char *setting(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

ANSWERS(const char *, aclrtGetSocName)(void) { return setting("DRY_RUN_CHIP", "Ascend910B2"); }
ANSWERS(const char *, aclGetRecentErrMsg)(void) { return ""; }
API(aclrtGetDeviceCount)(uint32_t *count) { *count = atoi(setting("REHEARSAL_DEVICES", "8")); return WELL; }
API(aclrtSetDevice)(int32_t device) { chosen = device; return WELL; }
API(aclrtGetDevice)(int32_t *device) { *device = chosen; return chosen < 0 ? NO_DEVICE_CHOSEN : WELL; }
API(aclrtResetDevice)(int32_t device) { (void)device; return WELL; }
API(aclrtGetCurrentContext)(void **context) { *context = &chosen; return WELL; }
API(aclrtGetPrimaryCtxState)(int32_t device, uint32_t *flags, int32_t *active)
{
    if (flags) *flags = 0;
    *active = device == chosen;
    return WELL;
}
API(aclrtDeviceCanAccessPeer)(int32_t *can, int32_t device, int32_t peer)
{
    (void)device, (void)peer;
    *can = 1;
    return WELL;
}
API(aclGetDeviceCapability)(uint32_t device, int what, int64_t *value)
{
    (void)device, (void)what;
    *value = 24;
    return WELL;
}
API(aclrtGetDeviceInfo)(uint32_t device, int what, int64_t *value)
{
    (void)device, (void)what;
    *value = 24;
    return WELL;
}
API(aclrtGetLogicDevIdByUserDevId)(int32_t user, int32_t *logical) { *logical = user; return WELL; }
ANSWERS(size_t, aclGetCompileoptSize)(int option) { (void)option; return 8; }
API(aclGetCompileopt)(int option, char *value, size_t length)
{
    (void)option;
    strncpy(value, "disable", length);
    return WELL;
}
API(aclsysGetVersionStr)(char *package, char *version)
{
    (void)package;
    strcpy(version, setting("REHEARSAL_CANN", "9.1.0"));
    return WELL;
}
API(aclsysGetCANNVersion)(int package, char *version)
{
    (void)package;
    strcpy(version, setting("REHEARSAL_CANN", "9.1.0"));
    return WELL;
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static int allocate(void **out, size_t bytes)
{
    *out = aligned_alloc(512, (bytes + 1023) / 512 * 512);
    return *out ? WELL : NOT_SUPPORTED;
}

static int copy(void *to, const void *from, size_t bytes, int kind)
{
    if (kind == DEVICE_TO_HOST) {
        __atomic_fetch_add(&host_reads, 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&host_bytes, bytes, __ATOMIC_RELAXED);
        memset(to, read_as, bytes);
    } else {
        memmove(to, from, bytes);
    }
    return WELL;
}

API(aclrtMalloc)(void **out, size_t bytes) { return allocate(out, bytes); }
API(aclrtMallocAlign32)(void **out, size_t bytes) { return allocate(out, bytes); }
API(aclrtMallocHost)(void **out, size_t bytes) { return allocate(out, bytes); }
API(aclrtMallocHostWithCfg)(void **out, uint64_t bytes) { return allocate(out, bytes); }
API(aclrtFree)(void *memory) { free(memory); return WELL; }
API(aclrtFreeHost)(void *memory) { free(memory); return WELL; }
API(aclrtGetMemInfo)(int what, size_t *available, size_t *total)
{
    (void)what;
    *available = *total = MEMORY_BYTES;
    return WELL;
}
API(aclrtMemcpy)(void *to, size_t room, const void *from, size_t bytes, int kind)
{
    (void)room;
    return copy(to, from, bytes, kind);
}
API(aclrtMemcpyAsync)(void *to, size_t room, const void *from, size_t bytes, int kind, void *stream)
{
    (void)room, (void)stream;
    return copy(to, from, bytes, kind);
}
API(aclrtMemcpyAsyncWithCondition)(void *to, size_t room, const void *from, size_t bytes, int kind, void *stream)
{
    (void)room, (void)stream;
    return copy(to, from, bytes, kind);
}
API(aclrtMemset)(void *to, size_t room, int32_t value, size_t bytes)
{
    (void)room;
    memset(to, value, bytes);
    return WELL;
}
API(aclrtMemsetAsync)(void *to, size_t room, int32_t value, size_t bytes, void *stream)
{
    (void)stream;
    return aclrtMemset(to, room, value, bytes);
}
/* Memory that is reserved and mapped piecewise is not offered. */
API(aclrtReserveMemAddress)(void **out) { *out = 0; return NOT_SUPPORTED; }
API(aclrtMallocPhysical)(void **out) { *out = 0; return NOT_SUPPORTED; }

/* ---- streams and events: whatever was queued is done already ------------------------------------------------------ */

static int handle(void **out) { *out = malloc(16); return *out ? WELL : NOT_SUPPORTED; }

API(aclrtCreateStream)(void **stream) { return handle(stream); }
API(aclrtCreateStreamWithConfig)(void **stream) { return handle(stream); }
API(aclrtDestroyStream)(void *stream) { free(stream); return WELL; }
API(aclrtDestroyStreamForce)(void *stream) { free(stream); return WELL; }
API(aclrtStreamQuery)(void *stream, int *status) { (void)stream; *status = 0; return WELL; }
API(aclrtStreamGetId)(void *stream, int32_t *number) { (void)stream; *number = 0; return WELL; }
API(aclrtCreateEventWithFlag)(void **event) { return handle(event); }
API(aclrtCreateEventExWithFlag)(void **event) { return handle(event); }
API(aclrtDestroyEvent)(void *event) { free(event); return WELL; }
API(aclrtQueryEventStatus)(void *event, int *status) { (void)event; *status = 1; return WELL; }
API(aclrtQueryEventWaitStatus)(void *event, int *status) { (void)event; *status = 0; return WELL; }
API(aclrtEventElapsedTime)(float *milliseconds) { *milliseconds = 0; return WELL; }
API(aclrtEventGetTimestamp)(void *event, uint64_t *time) { (void)event; *time = 0; return WELL; }

/* ---- what kernels are asked with ---------------------------------------------------------------------------------- */

static char described[64];

ANSWERS(void *, aclCreateTensor)(void) { return described; }
ANSWERS(void *, aclCreateTensorList)(void) { return described; }
ANSWERS(void *, aclCreateScalar)(void) { return described; }
ANSWERS(void *, aclCreateScalarList)(void) { return described; }
ANSWERS(void *, aclCreateIntArray)(void) { return described; }
ANSWERS(void *, aclCreateBoolArray)(void) { return described; }
ANSWERS(void *, aclCreateFloatArray)(void) { return described; }
ANSWERS(void *, aclCreateTensorDesc)(void) { return described; }
ANSWERS(void *, aclCreateDataBuffer)(void) { return described; }
ANSWERS(void *, aclopCreateAttr)(void) { return described; }

/* The size of a result that depends on the data: there is none, because nothing was computed. */
API(aclGetViewShape)(void) { return NOT_SUPPORTED; }

/* ---- collectives -------------------------------------------------------------------------------------------------- */

API(HcclGetRootInfo)(void *root) { memset(root, 0, ROOT_INFO_BYTES); return WELL; }
API(HcclCommInitRootInfo)(uint32_t ranks, const void *root, uint32_t rank, void **group)
{
    (void)ranks, (void)root, (void)rank;
    return handle(group);
}
API(HcclCommInitRootInfoConfig)(uint32_t ranks, const void *root, uint32_t rank, const void *config, void **group)
{
    (void)ranks, (void)root, (void)rank, (void)config;
    return handle(group);
}
API(HcclCommInitClusterInfoConfig)(const char *cluster, uint32_t rank, void *config, void **group)
{
    (void)cluster, (void)rank, (void)config;
    return handle(group);
}
API(HcclCreateSubCommConfig)(
    void **whole, uint32_t ranks, uint32_t *members, uint64_t number, uint32_t rank, void *config, void **group)
{
    (void)whole, (void)ranks, (void)members, (void)number, (void)rank, (void)config;
    return handle(group);
}
API(HcclCommDestroy)(void *group) { free(group); return WELL; }
API(HcclGetCommName)(void *group, char *name) { (void)group; strcpy(name, "dry run"); return WELL; }
API(HcclGetCommAsyncError)(void *group, int *error) { (void)group; *error = 0; return WELL; }
