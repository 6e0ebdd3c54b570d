"""Morton (Z) order: four successive tokens of a frame are a 2×2 patch, sixteen a 4×4 tile."""

from functools import lru_cache

import numpy as np


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
