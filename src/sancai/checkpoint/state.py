"""Training states: everything a run needs to go on exactly, written so that a crash loses nothing."""

import pathlib
import pickle
from typing import Any

import torch

from sancai.errors import CheckpointError
from sancai.files import atomic_write

PATTERN = "state-*.pt"
KEPT = 2


def save_state(folder: pathlib.Path, step: int, state: dict[str, Any]) -> pathlib.Path:
    """Write the state after `step` steps; keep the newest two."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"state-{step:07d}.pt"
    with atomic_write(path) as partial, partial.open("wb") as file:  # a path would hide that the disk is full
        torch.save(state, file)
    for old in sorted(folder.glob(PATTERN))[:-KEPT]:
        old.unlink()
    return path


def newest_state(folder: pathlib.Path) -> pathlib.Path | None:
    """Return the newest complete state, None in a new folder."""
    found = sorted(folder.glob(PATTERN))
    return found[-1] if found else None


def state_step(path: pathlib.Path) -> int:
    """Return after how many steps a state was written, from its name."""
    return int(path.stem.removeprefix("state-"))


def load_state(path: pathlib.Path) -> dict[str, Any]:
    """Read a state (tensors and plain values only: nothing in it is executed)."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, KeyError, ValueError, pickle.UnpicklingError) as error:
        raise CheckpointError(
            f"{path} is not a readable training state ({error}); delete it to go on from the one before"
        ) from error
