"""The rate at which a device multiplies large matrices: what the rate of a training run is held against."""

import time
from functools import lru_cache

import torch

from sancai.device.platform import Platform, synchronize

SMALLEST, LARGEST = 512, 8192
LEAST_SECONDS = 0.02
ROUNDS = 5


@lru_cache(maxsize=4)
def matmul_limit(platform: Platform) -> float:
    """Measure FLOPs a second of a square matrix product in the platform's dtype; takes less than a second.

    The matrices grow until one product takes 20 ms; of some repeats the fastest counts.
    """
    side = SMALLEST
    while True:
        matrix = torch.rand(side, side, dtype=torch.float32, device=platform.device).to(platform.dtype)
        matrix @ matrix
        seconds = min(_seconds(platform, matrix) for _ in range(ROUNDS))
        if seconds >= LEAST_SECONDS or side >= LARGEST:
            return 2.0 * side**3 / seconds
        side *= 2


def _seconds(platform: Platform, matrix: torch.Tensor) -> float:
    """Return the time of one product."""
    synchronize(platform)
    started = time.perf_counter()
    matrix @ matrix
    synchronize(platform)
    return time.perf_counter() - started
