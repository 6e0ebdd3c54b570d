"""Morton (Z) order: four successive tokens of a frame are a 2×2 patch, sixteen a 4×4 tile."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from sancai.device.transfer import to_device


def _spread(value: int) -> int:
    """Insert a zero bit after every bit of `value`."""
    return sum(((value >> bit) & 1) << (2 * bit) for bit in range(16))


@lru_cache(maxsize=64)
def morton_order(rows: int, columns: int) -> np.ndarray:
    """Return the raster index of each token of a rows × columns frame in Morton order."""
    keys = [(_spread(row) << 1) | _spread(column) for row in range(rows) for column in range(columns)]
    return np.argsort(np.array(keys), kind="stable")


@lru_cache(maxsize=64)
def raster_order(rows: int, columns: int) -> np.ndarray:
    """Return the inverse of `morton_order`: the Morton index of each raster token."""
    return np.argsort(morton_order(rows, columns), kind="stable")


def tokens_to_frames(tokens: Tensor, frame: tuple[int, int]) -> Tensor:
    """Return frames (B·F, Y, X, C) of tokens (B, F·Y·X, C) in Morton order; `frame` is (Y, X)."""
    order = to_device(torch.from_numpy(raster_order(*frame)), tokens.device)
    return tokens.unflatten(1, (-1, len(order))).flatten(0, 1)[:, order].unflatten(1, frame)


def frames_to_tokens(frames: Tensor, batch: int) -> Tensor:
    """Undo `tokens_to_frames`: return tokens (B, F·Y·X, C) in Morton order of frames (B·F, Y, X, C)."""
    order = to_device(torch.from_numpy(morton_order(*frames.shape[1:3])), frames.device)
    return frames.flatten(1, 2)[:, order].reshape(batch, -1, frames.shape[-1])
