"""Checks without torch: matching versions, device nodes, free disk space and memory."""

import glob
import importlib.metadata
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator

from sancai.device import chips
from sancai.doctor.finding import Finding

MIN_MEMORY, MIN_DISK = 2 * 10**9, 10**9


def installation_findings() -> list[Finding]:
    """Return the findings of all checks that do not load torch."""
    return [_python(), _torch(), *_vendors(), *_triton(), *_nodes(), *_visible(), _memory(), _disk()]


def version(package: str) -> str | None:
    """Return the installed version of a package, None if it is absent."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _python() -> Finding:
    message = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return Finding("python", "good", message)


def _torch() -> Finding:
    found = version("torch")
    if found is None:
        return Finding("torch", "bad", "not installed", "run make setup, or pip install torch")
    return Finding("torch", "good", found)


def _vendors() -> Iterator[Finding]:
    """Compare the version of each vendor's package with that of torch."""
    torch = version("torch")
    for chip in chips().values():
        found = version(chip.distribution) if chip.distribution else None
        if found is None or torch is None or chip.module is None:
            continue
        message = f"{chip.module} {found} beside torch {torch}"
        if chip.pairs_with_torch and _line(found) != _line(torch):
            advice = f"{chip.module} {_line(found)} needs torch {_line(found)}: install matching versions"
            yield Finding(chip.module, "bad", message, advice)
        else:
            yield Finding(chip.module, "good", message)


def _line(version: str) -> str:
    return ".".join(version.split("+")[0].split(".")[:2])


def _triton() -> Iterator[Finding]:
    """Report several packages that provide a module `triton`: they break each other."""
    there = sorted(set(importlib.metadata.packages_distributions().get("triton", [])))
    if len(there) > 1:
        yield Finding("triton", "bad", f"{' and '.join(there)} are both installed", "keep the one made for your chip")


def _nodes() -> Iterator[Finding]:
    """Check device nodes: their permissions, and whether the vendor's package is installed."""
    for chip in chips().values():
        nodes = glob.glob(chip.device_nodes) if chip.device_nodes else []
        if not nodes:
            continue
        closed = [n for n in nodes if not os.access(n, os.R_OK | os.W_OK)]
        if closed:
            advice = "add your user to the devices' group, or hand the devices to the container"
            yield Finding("devices", "limited", f"{chip.title}: no permission for {', '.join(closed)}", advice)
        else:
            yield Finding("devices", "good", f"{chip.title}: {len(nodes)} device node{'s' * (len(nodes) > 1)}")
        if chip.distribution and version(chip.distribution) is None:
            advice = f"install {chip.distribution} of your torch's line; docs/chips.md has the commands"
            yield Finding(str(chip.module), "limited", f"{chip.title} is here, {chip.distribution} is not", advice)


def _visible() -> Iterator[Finding]:
    """Report environment variables that hide devices."""
    for name in sorted({c.visible_devices for c in chips().values() if c.visible_devices}):
        if name in os.environ:
            chosen = os.environ[name] or "nothing"
            yield Finding("visible", "good", f"{name} shows {chosen}")


def host_memory() -> tuple[int, int] | None:
    """Return free and total bytes of this machine's memory, None if the system does not report them."""
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        return os.sysconf("SC_AVPHYS_PAGES") * page, os.sysconf("SC_PHYS_PAGES") * page
    except (ValueError, OSError, AttributeError):
        return None


def _memory() -> Finding:
    room = host_memory()
    if room is None:
        return Finding("memory", "good", "unknown")
    free, total = room
    message = f"{free / 1e9:.1f} GB free of {total / 1e9:.1f} GB"
    if free < MIN_MEMORY:
        return Finding("memory", "limited", message, "close other programs: drawing takes about 1 GB, training 3 GB")
    return Finding("memory", "good", message, facts={"total_bytes": total})


def _disk() -> Finding:
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    message = f"{free / 1e9:.1f} GB free for temporary files"
    if free < MIN_DISK:
        return Finding("disk", "limited", message, "free some space, or set TMPDIR to a larger disk")
    return Finding("disk", "good", message)
