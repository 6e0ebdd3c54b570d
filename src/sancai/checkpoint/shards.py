"""Sharded safetensors: the files of a folder as one set of tensors; files and index are written atomically."""

import contextlib
import hashlib
import json
import pathlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from sancai.checkpoint.names import official_name
from sancai.errors import CapacityError, CheckpointError, first_line, is_out_of_memory
from sancai.files import atomic_write, is_lfs_pointer, lfs_message

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
SHARD_BYTES = 4 * 2**30
ProgressCallback = Callable[[int], None]
"""Called with the number of bytes done so far."""


def no_progress(done: int) -> None:
    """Ignore the progress."""


class Shards:
    """The tensors of a folder under official names; contents are read on demand."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        stored = _files(folder)
        self.stored_names = {official_name(name): name for name in stored}
        if len(self.stored_names) < len(stored):
            twice = sorted(n for n in stored if self.stored_names[official_name(n)] != n)
            raise CheckpointError(f"{folder} holds {', '.join(twice[:5])} under two names; keep one of each")
        self.files = {name: stored[old] for name, old in self.stored_names.items()}
        self._headers: dict[str, dict[str, Any]] = {}
        self._open = ""
        self._handle: Any = None
        self._stack = contextlib.ExitStack()
        self._lock = threading.RLock()

    def __enter__(self) -> "Shards":
        return self

    def __exit__(self, *details: object) -> None:
        self._stack.close()

    @property
    def names(self) -> AbstractSet[str]:
        return self.files.keys()

    @property
    def fingerprint(self) -> str:
        """A digest of the names, sizes and modification times of the folder's files."""
        facts = [(f, (self.folder / f).stat()) for f in sorted(set(self.files.values()))]
        text = repr([(str(self.folder.resolve()), f, s.st_size, s.st_mtime_ns) for f, s in facts])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def shape(self, name: str) -> tuple[int, ...]:
        """Return a tensor's shape without reading it."""
        return tuple(self._fact(name, "shape"))

    def element(self, name: str) -> str:
        """Return a tensor's element type without reading it: `BF16`, `F8_E4M3`, …"""
        return str(self._fact(name, "dtype"))

    def read(self, name: str) -> Tensor:
        """Return a tensor, memory-mapped: its values are read at first use.  Thread-safe."""
        with self._lock, self._reading(name):
            return self._file(name).get_tensor(self.stored_names[name])

    def _fact(self, name: str, key: str) -> Any:
        """Return what the header of a tensor's file says about it; every header is read once."""
        file = self.files[name]
        with self._lock, self._reading(name):
            if file not in self._headers:
                self._headers[file] = read_header(self.folder / file)
            return self._headers[file][self.stored_names[name]][key]

    def _file(self, name: str) -> Any:
        """Return the open file of a tensor; only one file is open at a time, because its pages count as memory."""
        file = self.files[name]
        if file != self._open:
            self._stack.close()
            self._open, self._handle = "", None
            handle = safe_open(self.folder / file, framework="pt", device="cpu")
            self._handle = self._stack.enter_context(handle)
            self._open = file
        return self._handle

    @contextlib.contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        """Turn the errors of a damaged file into one that names it."""
        try:
            yield
        except (SafetensorError, OSError, RuntimeError, ValueError, KeyError, TypeError, MemoryError) as error:
            path = self.folder / self.files[name]
            if is_out_of_memory(error):
                raise CapacityError(f"not enough memory to read {name} from {path} ({first_line(error)})") from error
            raise CheckpointError(f"cannot read {name} from {path} ({error}); fetch that file again") from error


def read_header(path: pathlib.Path) -> dict[str, Any]:
    """Return the header of a safetensors file: {tensor: {"dtype": …, "shape": …, "data_offsets": …}}.

    Raises:
        ValueError: it is none, or the file is shorter than it says.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= size - 8:
            raise ValueError(f"a header of {length} bytes does not fit into a file of {size}")
        values = json.loads(file.read(length))
    if not isinstance(values, dict):
        raise ValueError(f"the header is a {type(values).__name__}, not an object")
    tensors = {name: value for name, value in values.items() if name != "__metadata__"}
    wanted = 8 + length + max((value["data_offsets"][1] for value in tensors.values()), default=0)
    if size < wanted:
        raise ValueError(f"the file has {size} bytes, its header names {wanted}")
    return tensors


def refuse_pointer(path: pathlib.Path) -> None:
    """Refuse a Git LFS pointer in place of a file of a model.

    Raises:
        CheckpointError: it is one.
    """
    if is_lfs_pointer(path):
        raise CheckpointError(lfs_message(path))


def _files(folder: pathlib.Path) -> dict[str, str]:
    """Return which file holds each tensor."""
    index = folder / INDEX
    if index.is_file():
        refuse_pointer(index)
        try:
            files = dict(json.loads(index.read_text(encoding="utf-8"))["weight_map"])
            odd = [f for f in set(files.values()) if not isinstance(f, str) or pathlib.PurePath(f).name != f]
            if odd:
                raise ValueError(f"{odd[0]!r} is not the name of a file in the same folder")
        except (ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"{index} is not an index of tensors ({error}); fetch it again") from error
        missing = sorted({f for f in files.values() if not (folder / f).is_file()})
        if missing:
            raise CheckpointError(f"{index} names files that are not there: {', '.join(missing)}; fetch them")
        for name in sorted(set(files.values())):
            refuse_pointer(folder / name)
        return files
    if not (folder / SINGLE).is_file():
        raise CheckpointError(f"no weights in {folder}: neither {INDEX} nor {SINGLE} is there; expected a model folder")
    refuse_pointer(folder / SINGLE)
    try:
        with safe_open(folder / SINGLE, framework="pt", device="cpu") as handle:
            return dict.fromkeys(handle.keys(), SINGLE)
    except (SafetensorError, OSError) as error:
        if is_out_of_memory(error):
            raise CapacityError(f"not enough memory to read {folder / SINGLE} ({first_line(error)})") from error
        raise CheckpointError(
            f"{folder / SINGLE} is not a readable safetensors file ({error}); fetch it again"
        ) from error


@dataclass(frozen=True)
class Entry:
    """Tensors to be written together: their names, their size in bytes, and a function that reads them when needed."""

    names: tuple[str, ...]
    num_bytes: int
    read: Callable[[], Sequence[Tensor]]


@dataclass(frozen=True)
class Index:
    """The file of each tensor, and the total size in bytes."""

    weight_map: dict[str, str]
    total_size: int


def plan_shards(entries: Iterable[Entry], shard_bytes: int = SHARD_BYTES) -> dict[str, list[Entry]]:
    """Return what each file of about `shard_bytes` will hold, by its name; an entry is never split."""
    groups = enumerate(_grouped(entries, shard_bytes), 1)
    return {f"model-{number:05d}.safetensors": group for number, group in groups}


def write_shards(
    folder: pathlib.Path,
    plan: Mapping[str, Sequence[Entry]],
    origin: str | None,
    on_progress: ProgressCallback = no_progress,
) -> Index:
    """Write the files of a plan.

    Args:
        origin: identifies the source of the values; files that an interrupted run with the same origin has finished
            are kept.  None writes every file.
        on_progress: called with the bytes done after each file.

    Returns:
        The index, which `write_index` writes after everything else.
    """
    weight_map: dict[str, str] = {}
    total = 0
    for name, group in plan.items():
        names = [n for entry in group for n in entry.names]
        if not _is_finished(folder / name, names, origin):
            tensors = {n: t for entry in group for n, t in zip(entry.names, entry.read(), strict=True)}
            _write(folder / name, tensors, origin)
        weight_map |= dict.fromkeys(names, name)
        total += sum(entry.num_bytes for entry in group)
        on_progress(total)
    return Index(weight_map, total)


def write_index(folder: pathlib.Path, index: Index, more: Mapping[str, Any]) -> None:
    """Write the index, which marks the folder as complete, with `more` in its metadata."""
    metadata = {"total_size": index.total_size, **more}
    text = json.dumps({"metadata": metadata, "weight_map": index.weight_map}, indent=1)
    with atomic_write(folder / INDEX) as partial:
        partial.write_text(text + "\n", encoding="utf-8")


def _grouped(entries: Iterable[Entry], most: int) -> Iterator[list[Entry]]:
    """Yield entries in groups of at most `most` bytes, with at least one entry each."""
    group: list[Entry] = []
    size = 0
    for entry in entries:
        if group and size + entry.num_bytes > most:
            yield group
            group, size = [], 0
        group.append(entry)
        size += entry.num_bytes
    if group:
        yield group


def _is_finished(path: pathlib.Path, names: Sequence[str], origin: str | None) -> bool:
    """Return whether an earlier run with the same origin has finished this file."""
    if origin is None or not path.is_file():
        return False
    try:
        with safe_open(path, framework="pt", device="cpu") as handle:
            return (handle.metadata() or {}).get("origin") == origin and set(handle.keys()) == set(names)
    except (SafetensorError, OSError):
        return False


def _write(path: pathlib.Path, tensors: dict[str, Tensor], origin: str | None) -> None:
    """Write one file atomically."""
    contiguous = {n: t.contiguous() for n, t in tensors.items()}
    try:
        with atomic_write(path) as partial:
            save_file(contiguous, partial, metadata={"format": "pt"} | ({"origin": origin} if origin else {}))
            partial.chmod(0o644)
    except (OSError, SafetensorError) as error:
        raise CapacityError(
            f"cannot write {path} ({error}); is the disk full? Without an index the folder does not count as a model"
        ) from error
