"""The tuning cache: which kernel was selected for each operator and why, in one JSON file per user."""

import json
import pathlib
from dataclasses import asdict, dataclass, field
from typing import Any

from sancai.files import atomic_write

REFERENCE = "reference"


@dataclass(frozen=True)
class Selection:
    """The kernel selected for one operator on one device type and dtype.

    chosen: name of a backend, or `reference`.
    why: the reason.
    others: name of each backend that was not chosen → the reason.
    """

    operator: str
    device: str
    dtype: str
    chosen: str
    why: str
    others: dict[str, str] = field(default_factory=dict)


class TuningCache:
    """The selections of one machine (`key`) in a file; a damaged or unwritable file counts as empty."""

    def __init__(self, path: pathlib.Path, key: str) -> None:
        self.path, self.key = path, key
        found = _read(path).get(key)
        self._selections: dict[str, Any] = found if isinstance(found, dict) else {}
        self._is_changed = False

    def get(self, operator: str, dtype: str) -> Selection | None:
        """Return a cached selection, None if there is none."""
        try:
            return Selection(**self._selections[f"{operator} {dtype}"])
        except (KeyError, TypeError):
            return None

    def put(self, selection: Selection) -> None:
        """Add or replace a selection."""
        self._selections[f"{selection.operator} {selection.dtype}"] = asdict(selection)
        self._is_changed = True

    def save(self) -> None:
        """Write the file atomically, because several processes may start together; ignore a full or read-only disk."""
        if not self._is_changed:
            return
        values = _read(self.path) | {self.key: self._selections}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(self.path, shared=True) as partial:
                partial.write_text(json.dumps(values, indent=1), encoding="utf-8")
        except OSError:
            return  # the next process tunes again


def _read(path: pathlib.Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
