"""Training states: everything that an exact resume needs, written atomically."""

import pathlib
import pickle
from typing import Any

import torch

from sancai.errors import CheckpointError
from sancai.files import atomic_write

PATTERN = "state-*.pt"
MAX_KEPT = 2


def save_state(folder: pathlib.Path, step: int, state: dict[str, Any]) -> pathlib.Path:
    """Write the state after `step` steps; delete all but the newest two."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"state-{step:07d}.pt"
    with atomic_write(path) as partial, partial.open("wb") as file:  # torch hides a full disk if it opens the file
        torch.save(state, file)
    for old in sorted(folder.glob(PATTERN))[:-MAX_KEPT]:
        old.unlink()
    return path


def newest_state(folder: pathlib.Path) -> pathlib.Path | None:
    """Return the path of the newest state, None if there is none."""
    found = sorted(folder.glob(PATTERN))
    return found[-1] if found else None


def state_step(path: pathlib.Path) -> int:
    """Return the step of a state, from its name."""
    return int(path.stem.removeprefix("state-"))


def load_state(path: pathlib.Path) -> dict[str, Any]:
    """Read a state; only tensors and plain values are unpickled.

    Raises:
        CheckpointError: the file is damaged.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, KeyError, ValueError, pickle.UnpicklingError) as error:
        raise CheckpointError(
            f"{path} is not a readable training state ({error}); delete it to go on from the one before"
        ) from error
