"""Samplers: steps from noise to data for a network that predicts the clean latents x.

A sampler is one pure function that takes a state from one noise level to the next; `sample` is the loop around
it.  To add one, write such a function and enter it in `SAMPLERS`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sancai.errors import ConfigError
from sancai.flow.path import shift

Predict = Callable[[Tensor, float], Tensor]
"""(z, σ) → predicted clean latents, of the shape of z."""
DrawNoise = Callable[[], Tensor]
"""() → fresh standard normal noise of the shape of z."""


@dataclass(frozen=True)
class SamplerState:
    """Noisy latents z (..., C) at noise level sigma, and what a multistep method remembers.

    clean: the prediction of the previous step.  step: the length of that step in half log signal-to-noise ratio.
    """

    z: Tensor
    sigma: float
    clean: Tensor | None = None
    step: float = 0.0


Sampler = Callable[[SamplerState, float, Predict, DrawNoise], SamplerState]
"""(state, next noise level, network, source of noise) → state at the next noise level."""


def euler(state: SamplerState, following: float, predict: Predict, draw_noise: DrawNoise) -> SamplerState:
    """Follow the velocity at the start of the step: first order, one call."""
    ratio = following / state.sigma
    clean = predict(state.z, state.sigma)
    return SamplerState(ratio * state.z + (1 - ratio) * clean, following)


def heun(state: SamplerState, following: float, predict: Predict, draw_noise: DrawNoise) -> SamplerState:
    """Average the velocities at both ends of the step: second order, two calls (the last step: one)."""
    ahead = euler(state, following, predict, draw_noise)
    if following == 0.0:
        return ahead
    first = (ahead.z - state.z) / (following - state.sigma)
    second = (ahead.z - predict(ahead.z, following)) / following
    return SamplerState(state.z + (following - state.sigma) * 0.5 * (first + second), following)


def multistep(state: SamplerState, following: float, predict: Predict, draw_noise: DrawNoise) -> SamplerState:
    """Carry the prediction forward linearly in log σ: second order, one call (DPM-Solver++ 2M, arXiv 2211.01095).

    In terms of x the exact step from σ to τ is z ← (τ/σ)·z + (1 − τ/σ)·x̂ for constant x̂.
    """
    z, sigma = state.z, state.sigma
    clean = predict(z, sigma)
    if following == 0.0:
        return SamplerState(clean, following)
    step, guess = _half_log_snr(following) - _half_log_snr(sigma), clean
    if state.clean is not None and state.step > 0:
        guess = clean + (clean - state.clean) * min(0.5 * (step / state.step), 0.5)
    z = following / sigma * z + (1 - following) * guess - following / sigma * (1 - sigma) * guess
    return SamplerState(z, following, clean, step)


def sde(state: SamplerState, following: float, predict: Predict, draw_noise: DrawNoise) -> SamplerState:
    """Replace part of the noise at each step: first order, one call (SDE-DPM-Solver++ 1, arXiv 2211.01095)."""
    sigma, clean = state.sigma, predict(state.z, state.sigma)
    if following == 0.0:
        return SamplerState(clean, following)
    kept = following * (1 - sigma) / (sigma * (1 - following))
    fresh = following * (1 - kept**2) ** 0.5
    z = following / sigma * kept * state.z + (1 - following) * (1 - kept**2) * clean + fresh * draw_noise()
    return SamplerState(z, following)


SAMPLERS: dict[str, Sampler] = {"euler": euler, "heun": heun, "multistep": multistep, "sde": sde}


def get_sampler(name: str) -> Sampler:
    """Return a sampler by name.

    Raises:
        ConfigError: there is no sampler of this name.
    """
    if name not in SAMPLERS:
        raise ConfigError(f"sampler is {name!r}; expected one of {', '.join(SAMPLERS)}")
    return SAMPLERS[name]


def sample(
    predict: Predict,
    noise: Tensor,
    levels: Sequence[float],
    sampler: Sampler = multistep,
    draw_noise: DrawNoise | None = None,
) -> Tensor:
    """Return the latents (..., C) at the last of the noise levels.

    Args:
        noise: (..., C), the latents at the first level.
        levels: falling noise levels; the last is 0 for a whole path.
        draw_noise: source of noise for samplers that use it; by default torch's global generator.
    """
    state = SamplerState(noise, levels[0])
    for following in levels[1:]:
        state = sampler(state, following, predict, draw_noise or (lambda: torch.randn_like(noise)))
    return state.z


def timesteps(steps: int, amount: float) -> list[float]:
    """Return `steps` + 1 noise levels from 1 down to 0, dense near noise for larger shifts."""
    return shift(torch.linspace(1, 0, steps + 1, device="cpu", dtype=torch.float32), amount).tolist()


def _half_log_snr(sigma: float) -> float:
    """Return log((1 − σ)/σ), half the log signal-to-noise ratio, bounded at the ends."""
    bounded = min(max(sigma, 1e-3), 1 - 1e-3)
    return float(torch.logit(torch.tensor(1 - bounded, device="cpu", dtype=torch.float32)))
