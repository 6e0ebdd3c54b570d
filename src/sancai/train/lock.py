"""A run's folder belongs to one process at a time; a file in it names who holds it."""

import contextlib
import json
import os
import pathlib
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sancai.errors import CheckpointError

NAME = "lock.json"


@contextlib.contextmanager
def locked(folder: pathlib.Path) -> Iterator[None]:
    """Hold a folder; what a process that has died left behind is taken over.

    Raises:
        CheckpointError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    _acquire(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def check_unlocked(folder: pathlib.Path) -> None:
    """Refuse a folder that another process holds.

    Raises:
        CheckpointError: another process holds it.
    """
    holder = _holder(folder / NAME)
    if holder is not None and _is_running(holder):
        raise CheckpointError(
            f"{folder} is being trained by process {holder.get('pid')} on {holder.get('host')} since "
            f"{holder.get('started')}; wait for it, name another --run, or, if that process is gone, delete "
            f"{folder / NAME}"
        )


def _acquire(path: pathlib.Path) -> None:
    """Create the file; of several processes that try at once one succeeds."""
    mine = {"pid": os.getpid(), "host": platform.node(), "started": datetime.now(UTC).isoformat(timespec="seconds")}
    while True:
        try:
            with path.open("x", encoding="utf-8") as file:
                json.dump(mine | {"ticks": start_ticks(os.getpid())}, file)
            return
        except FileExistsError:
            check_unlocked(path.parent)
            path.unlink(missing_ok=True)


def _holder(path: pathlib.Path) -> dict[str, Any] | None:
    """Return who holds a lock, None for nobody; who cannot be read is taken for a process that died while writing."""
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return holder if isinstance(holder, dict) else None


def _is_running(holder: dict[str, Any]) -> bool:
    """Return whether a holder may still run: of another machine, or on Windows, nobody here knows."""
    if holder.get("host") != platform.node() or os.name == "nt":
        return holder.get("pid") != os.getpid()
    pid = holder.get("pid")
    if not isinstance(pid, int) or pid == os.getpid():
        return False
    with contextlib.suppress(PermissionError):  # another user's process
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, OverflowError):
            return False
    return holder.get("ticks") in (None, start_ticks(pid))  # else its number went to a later process


def start_ticks(pid: int) -> str | None:
    """Return when a process started, in the system's own clock; None where the system does not tell."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return None
