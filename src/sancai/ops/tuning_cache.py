"""What was chosen for a role and why, kept between processes in one JSON file a user."""

import json
import pathlib
from dataclasses import asdict, dataclass, field
from typing import Any

from sancai.files import atomic_write

REFERENCE = "reference"


@dataclass(frozen=True)
class Selection:
    """What was chosen for one role on one kind of device, and why.

    chosen: a provider's name, or `reference`.
    others: name of every provider that was not chosen → the reason.
    """

    operator: str
    device: str
    dtype: str
    chosen: str
    why: str
    others: dict[str, str] = field(default_factory=dict)


class TuningCache:
    """The outcomes of one machine (`key`) in a file; a damaged or unwritable file is as good as none."""

    def __init__(self, path: pathlib.Path, key: str) -> None:
        self.path, self.key = path, key
        found = _read(path).get(key)
        self._outcomes: dict[str, Any] = found if isinstance(found, dict) else {}
        self._is_changed = False

    def get(self, operator: str, dtype: str) -> Selection | None:
        """Return what was found out before."""
        try:
            return Selection(**self._outcomes[f"{operator} {dtype}"])
        except (KeyError, TypeError):
            return None

    def put(self, selection: Selection) -> None:
        """Remember one outcome."""
        self._outcomes[f"{selection.operator} {selection.dtype}"] = asdict(selection)
        self._is_changed = True

    def save(self) -> None:
        """Write the file as a whole, so that processes that start together do not tear it."""
        if not self._is_changed:
            return
        whole = _read(self.path) | {self.key: self._outcomes}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(self.path, shared=True) as part:
                part.write_text(json.dumps(whole, indent=1), encoding="utf-8")
        except OSError:
            return  # everything is tried again next time


def _read(path: pathlib.Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
