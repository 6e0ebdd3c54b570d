"""How many bytes this process may still allocate on the host: by the system, by its container, by its own limit."""

import os
import pathlib

PROC, CGROUP = pathlib.Path("/proc"), pathlib.Path("/sys/fs/cgroup")
NO_LIMIT = 2**60
"""Limits of this many bytes and more mean that there is none."""


def free_host_memory() -> int | None:
    """Return the bytes that can still be allocated, with what the system would free for them; None if unknown."""
    limits = [_system(), _container(), _process()]
    known = [limit for limit in limits if limit is not None]
    return max(min(known), 0) if known else None


def _system() -> int | None:
    """Return the memory that is available on this machine, with free swap; without Linux's word for it, all of it."""
    facts = _table(PROC / "meminfo")
    if "MemAvailable:" in facts:
        return (facts["MemAvailable:"] + facts.get("SwapFree:", 0)) * 1024
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def _container() -> int | None:
    """Return what the control groups of this process leave: their limit without what is in use and no file's copy."""
    free = [_group_free(CGROUP / path, *names) for path, names in _groups()]
    return min((f for f in free if f is not None), default=None)


def _groups() -> list[tuple[str, tuple[str, str, str]]]:
    """Return the folders of this process's memory groups, their parents too, with the names of their files."""
    second, first = ("memory.max", "memory.current", "file"), (
        "memory.limit_in_bytes", "memory.usage_in_bytes", "total_cache",
    )  # fmt: skip
    out: list[tuple[str, tuple[str, str, str]]] = []
    for line in _lines(PROC / "self" / "cgroup"):
        _, kinds, path = line.split(":", 2)
        if kinds not in ("", "memory"):
            continue
        place = pathlib.PurePosixPath(path.lstrip("/"))
        for folder in (place, *place.parents):
            out.append((str(folder), second) if not kinds else (f"memory/{folder}", first))
    return out


def _group_free(folder: pathlib.Path, limit_file: str, used_file: str, cache: str) -> int | None:
    limit, used = (next(iter(_lines(folder / name)), "") for name in (limit_file, used_file))
    if not (limit.isdigit() and used.isdigit()) or int(limit) >= NO_LIMIT:
        return None
    return int(limit) - int(used) + _table(folder / "memory.stat").get(cache, 0)


def _process() -> int | None:
    """Return what the limit of this process's address space (`ulimit -v`) leaves."""
    try:
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        used = int(next(iter(_lines(PROC / "self" / "statm")), "0").split()[0]) * resource.getpagesize()
    except (ImportError, ValueError, OSError):  # no such limits on this system
        return None
    return None if limit == resource.RLIM_INFINITY else limit - used


def _table(path: pathlib.Path) -> dict[str, int]:
    """Return the numbers of a file of lines `name number …`."""
    pairs = (line.split()[:2] for line in _lines(path))
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _lines(path: pathlib.Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []
