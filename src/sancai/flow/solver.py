"""Steps from noise to data for a network that predicts x."""

import itertools
from collections.abc import Callable, Generator
from typing import TypeVar

import torch
from torch import Tensor

from sancai.flow.path import shift

Predict = Callable[[Tensor, float], Tensor]
T = TypeVar("T")


def timesteps(steps: int, amount: float) -> list[float]:
    """Return `steps` + 1 noise levels from 1 down to 0, dense near noise for larger shifts."""
    return shift(torch.linspace(1, 0, steps + 1, device="cpu", dtype=torch.float32), amount).tolist()


def solve(predict: Predict, noise: Tensor, levels: list[float]) -> Tensor:
    """Return the clean latents at the end of the path."""
    return drain(solve_stepwise(predict, noise, levels))


def drain(steps: Generator[int, None, T]) -> T:
    """Run a stepwise computation to its end and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as finished:
            return finished.value


def solve_stepwise(predict: Predict, noise: Tensor, levels: list[float]) -> Generator[int, None, Tensor]:
    """Yield the number of steps done; return the clean latents (second-order multistep, one call a step).

    In terms of x the exact step from σ to τ is z ← (τ/σ)·z + (1 − τ/σ)·x̂ for constant x̂; the
    prediction is carried forward linearly in log σ (DPM-Solver++ 2M, arXiv 2211.01095).
    """
    z, before, last_step = noise, None, 0.0
    for number, (sigma, following) in enumerate(itertools.pairwise(levels)):
        clean = predict(z, sigma)
        yield number + 1
        if following == 0.0:
            z = clean
            break
        step = _half_log_ratio(following) - _half_log_ratio(sigma)
        guess = clean
        if before is not None and last_step > 0:
            ratio = step / last_step
            guess = clean + (clean - before) * min(0.5 * ratio, 0.5)
        z = following / sigma * z + (1 - following) * guess - following / sigma * (1 - sigma) * guess
        before, last_step = clean, step
    return z


def _half_log_ratio(sigma: float) -> float:
    """Return log((1 − σ)/σ), the half log signal-to-noise ratio, bounded at the ends."""
    bounded = min(max(sigma, 1e-3), 1 - 1e-3)
    return float(torch.logit(torch.tensor(1 - bounded, device="cpu", dtype=torch.float32)))
