"""The folder that a conversion writes into: what is ours there, and what belongs to somebody else.

Ours is what the index of a finished model or the journal of an unfinished one names; only that is ever replaced or
removed.  A model is complete when its index is there, and the journal goes when it is.
"""

import json
import os
import pathlib
from collections.abc import Iterable, Iterator

from sancai.checkpoint.shards import INDEX, SINGLE, Index, write_index
from sancai.errors import CheckpointError
from sancai.files import atomic_write

JOURNAL = "sancai-convert.json"
FILES = "sancai_files"
"""Key of an index's metadata: all files that were written with it."""
MAX_SHOWN = 5
PARTIAL = ".partial"


class Target:
    """A folder, and the names in it that an earlier run of ours wrote."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self._index_files = _files(folder / INDEX)
        self._own = {*self._index_files, *_files(folder / JOURNAL)}
        self._wanted: set[str] = set()

    @property
    def is_complete(self) -> bool:
        """Whether the folder holds a model that we finished."""
        return bool(self._index_files)

    def foreign(self) -> list[str]:
        """Return names of files that are not ours, at most a few."""
        found = (n for n in _names(self.folder) if n != JOURNAL and n.removesuffix(PARTIAL) not in self._own)
        return [name for name, _ in zip(found, range(MAX_SHOWN), strict=False)]

    def begin(self, names: Iterable[str]) -> None:
        """Claim the names that will be written, and make the folder an incomplete model.

        Raises:
            CheckpointError: files that are not ours are in the way; nothing is changed.
        """
        self._wanted = {INDEX, *names}
        there = [n for n in (*sorted(self._wanted), SINGLE) if os.path.lexists(self.folder / n) and n not in self._own]
        if there:
            more = f" and {len(there) - MAX_SHOWN} more" if len(there) > MAX_SHOWN else ""
            raise CheckpointError(
                f"files in {self.folder} that sancai did not write are in the way: {', '.join(there[:MAX_SHOWN])}{more}"
                "; name another folder, or move them away"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        self._own |= self._wanted
        with atomic_write(self.folder / JOURNAL) as partial:
            partial.write_text(json.dumps({FILES: sorted(self._own)}, indent=1) + "\n", encoding="utf-8")
        (self.folder / INDEX).unlink(missing_ok=True)

    def finish(self, index: Index) -> None:
        """Write the index, then remove what earlier runs of ours wrote and this one did not."""
        write_index(self.folder, index, {FILES: sorted(self._wanted)})
        for name in sorted(self._own - self._wanted):
            (self.folder / name).unlink(missing_ok=True)
        (self.folder / JOURNAL).unlink()


def _files(path: pathlib.Path) -> list[str]:
    """Return the files that an index or journal of ours names; none where it is missing or somebody else's."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        names = values.get("metadata", values)[FILES]
        return [name for name in names if not pathlib.PurePath(name).is_absolute() and ".." not in name.split("/")]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return []


def _names(folder: pathlib.Path) -> Iterator[str]:
    """Yield the files below a folder by their names relative to it, folders' separators as slashes."""
    for root, _, files in os.walk(folder):
        yield from (pathlib.Path(root, name).relative_to(folder).as_posix() for name in sorted(files))
