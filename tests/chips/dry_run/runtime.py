"""Builds the empty runtime for the host code of an unpacked `torch-npu` wheel, out of the names that it asks for."""

import ctypes
import pathlib
import re
import shutil
import subprocess
from dataclasses import dataclass

import torch

from chips.dry_run.elf import Library, read_library

SOURCE = pathlib.Path(__file__).with_name("runtime.c")
FAMILIES = re.compile(r"(aclnn|acl[A-Z]|acl(rt|op|mdl|sys)[A-Z]|Hccl|Msprof|rt[A-Z])\w*")
"""Names of the vendor's functions, as far as kernels, devices, memory and collectives go."""
WRITTEN = re.compile(r"^(?:API\(|ANSWERS\([\w *]+, )(\w+)\)", re.MULTILINE)
"""How the source marks a function that it writes out."""
LOOKED_UP_IN = ("libopapi.so", "libruntime.so")
"""Libraries that are opened while it runs, beside those that the host code is linked with."""
OFFERED_OPENLY = "libempty.so"


@dataclass(frozen=True)
class Runtime:
    """A built runtime.

    folder: holds the library under all its names.  undefined: names that the host code is linked with.
    looked_up: further names that it looks up as it runs, among them the kernels (aclnn…).
    """

    folder: pathlib.Path
    undefined: tuple[str, ...]
    looked_up: tuple[str, ...]

    @property
    def num_kernels(self) -> int:
        return sum(n.startswith("aclnn") and not n.endswith("GetWorkspaceSize") for n in self.looked_up)


def compiler() -> str | None:
    """Return the C compiler of this machine, None if it has none."""
    return next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)


def build(site: pathlib.Path, folder: pathlib.Path, command: str) -> Runtime:
    """Generate and compile the runtime into `folder`, for the wheel unpacked at `site`."""
    package = site / "torch_npu"
    (entry,) = package.glob("_C.*.so")
    libraries = _closure(entry, package / "lib")
    undefined = _undefined(libraries)
    written = set(WRITTEN.findall(SOURCE.read_text("utf-8")))
    texts = frozenset().union(*(library.texts for library in libraries))
    looked_up = {t for t in texts if FAMILIES.fullmatch(t)} - undefined
    _compile(folder, sorted((undefined | looked_up) - written), command)
    missing = {n for library in libraries for n in library.needed if not _exists(n, package / "lib")}
    for name in missing.union(LOOKED_UP_IN):
        (folder / name).symlink_to(OFFERED_OPENLY)
    return Runtime(folder, tuple(sorted(undefined)), tuple(sorted(looked_up)))


def _closure(entry: pathlib.Path, folder: pathlib.Path) -> list[Library]:
    """Return the entry and all libraries of the wheel that it is linked with."""
    found, todo = {}, [entry]
    while todo:
        path = todo.pop()
        if path.name not in found and path.is_file():
            found[path.name] = library = read_library(path)
            todo += [folder / name for name in library.needed]
    return list(found.values())


def _undefined(libraries: list[Library]) -> set[str]:
    """Return the names that neither the wheel nor torch, Python and the system offer."""
    asked = frozenset().union(*(library.asked for library in libraries))
    offered = frozenset().union(*(library.offered for library in libraries))
    here = [ctypes.CDLL(str(_torch_folder() / "libtorch_python.so")), ctypes.CDLL(None)]
    return {n for n in asked - offered if not any(hasattr(library, n) for library in here)}


def _torch_folder() -> pathlib.Path:
    return pathlib.Path(torch.__file__).parent / "lib"


def _exists(name: str, folder: pathlib.Path) -> bool:
    """Return whether the wheel, torch or the system has a library."""
    if any((place / name).exists() for place in (folder, _torch_folder())):
        return True
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def _compile(folder: pathlib.Path, names: list[str], command: str) -> None:
    (folder / "names.inc").write_text("".join(f"EMPTY({name})\n" for name in names), "utf-8")
    options = ["-shared", "-fPIC", "-O0", "-w", "-fno-builtin", f"-I{folder}"]
    target = folder / OFFERED_OPENLY
    done = subprocess.run([command, *options, str(SOURCE), "-o", str(target)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command} could not compile the empty runtime:\n{done.stderr}")
