"""The files beside a model's weights: tokenizer, chat template, licence, and whatever else its folder holds."""

import os
import pathlib
import shutil
from collections.abc import Iterable

from sancai.checkpoint.official import CONFIG
from sancai.checkpoint.shards import INDEX
from sancai.checkpoint.target import JOURNAL
from sancai.errors import CheckpointError
from sancai.files import atomic_write, is_lfs_pointer, lfs_message

WEIGHTS = {".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".onnx", ".h5", ".msgpack", ".npz", ".pdparams"}
UNFINISHED = {".partial", ".incomplete", ".tmp", ".lock", ".part", ".crdownload"}
NOT_CARRIED = {CONFIG, INDEX, JOURNAL, "numerics.json", "lock.json"}
"""Files that a conversion writes anew, numbers that the old weights gave, and the mark of a running training."""


def find_companions(source: pathlib.Path, target: pathlib.Path) -> list[str]:
    """Return the files of a model folder that a conversion carries along, relative to it, with slashes.

    Left out are weights in any format, indices of weights, unfinished downloads, hidden files, and `target`, which
    may lie inside.

    Raises:
        CheckpointError: one is a Git LFS pointer.
    """
    found: list[str] = []
    for root, folders, files in os.walk(source):
        place = pathlib.Path(root)
        folders[:] = [n for n in folders if not n.startswith((".", "__")) and (place / n).resolve() != target.resolve()]
        found += [(place / n).relative_to(source).as_posix() for n in files if _is_companion(n)]
    for name in found:
        if is_lfs_pointer(source / name):
            raise CheckpointError(lfs_message(source / name))
    return sorted(found)


def copy_companions(source: pathlib.Path, target: pathlib.Path, names: Iterable[str]) -> None:
    """Copy files by the names that `find_companions` gave."""
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(target / name) as partial:
            shutil.copyfile(source / name, partial)


def _is_companion(name: str) -> bool:
    suffix = pathlib.PurePath(name).suffix.lower()
    is_index = name.endswith(".index.json")
    return not (name.startswith(".") or name in NOT_CARRIED or is_index or suffix in WEIGHTS or suffix in UNFINISHED)
