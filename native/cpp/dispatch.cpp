#include "dispatch.h"

#include <cstdlib>
#include <cstring>

namespace sancai {

#define DECLARE(ISA)               \
    namespace ISA {                \
    template <class T>             \
    const Kernels<T>& table();     \
    }
DECLARE(portable)
#if defined(SANCAI_X86)
DECLARE(avx2)
DECLARE(avx512)
DECLARE(avx512bf16)
#endif
#undef DECLARE

namespace {

enum Level { PORTABLE, AVX2, AVX512, AVX512BF16 };
const char* const NAMES[] = {"portable", "avx2", "avx512", "avx512bf16"};

Level best() {
#if defined(SANCAI_X86)
    __builtin_cpu_init();
    const bool has_512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    if (has_512 && __builtin_cpu_supports("avx512bf16")) return AVX512BF16;
    if (has_512) return AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return AVX2;
#endif
    return PORTABLE;
}

Level chosen() {
    const Level most = best();
    const char* asked = std::getenv("SANCAI_NATIVE_ISA");
    for (int level = PORTABLE; asked && level <= most; level++)
        if (std::strcmp(asked, NAMES[level]) == 0) return Level(level);
    return most;
}

Level level() {
    static const Level found = chosen();
    return found;
}

}  // namespace

const char* instruction_set() { return NAMES[level()]; }

template <class T>
const Kernels<T>& kernels() {
#if defined(SANCAI_X86)
    if (level() == AVX512BF16) return avx512bf16::table<T>();
    if (level() == AVX512) return avx512::table<T>();
    if (level() == AVX2) return avx2::table<T>();
#endif
    return portable::table<T>();
}

template const Kernels<float>& kernels();
template const Kernels<Bf16>& kernels();

}  // namespace sancai
