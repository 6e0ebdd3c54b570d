"""The path between data and noise, written once: z = (1 − σ)·x + σ·ε, velocity v = ε − x.

σ = 1 is noise, σ = 0 is data.  The network predicts x; the loss compares velocities, so an error of x
counts 1/σ² (arXiv 2511.13720 uses the same pair).
"""

import torch
from torch import Tensor

SMALLEST_SIGMA = 0.05
PURE_NOISE = 0.1
"""Share of training's noise levels that are 1."""


def corrupt(clean: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
    """Return z at noise level sigma (..., broadcast over channels)."""
    return (1 - sigma) * clean + sigma * noise


def velocity(z: Tensor, clean: Tensor, sigma: Tensor) -> Tensor:
    """Return the velocity that leads from `clean` through z: (z − x) / max(σ, 0.05)."""
    return (z - clean) / sigma.clamp(min=SMALLEST_SIGMA)


def flow_loss(prediction: Tensor, z: Tensor, clean: Tensor, sigma: Tensor, kind: str = "v") -> Tensor:
    """Return the squared error per token, (...,), averaged over channels.

    Args:
        prediction, z, clean: (..., C).
        sigma: (..., 1).
        kind: "v" compares velocities, "x" compares clean latents.
    """
    error = prediction - clean
    if kind == "v":
        error = error / sigma.clamp(min=SMALLEST_SIGMA)
    return error.square().mean(-1)


def shift(sigma: Tensor, amount: float) -> Tensor:
    """Return sigma moved towards noise: s·σ / (1 + (s − 1)·σ)."""
    return amount * sigma / (1 + (amount - 1) * sigma)


def sample_sigma(count: int, amount: float, generator: torch.Generator) -> Tensor:
    """Return noise levels (count,) for training: shifted logit-normal, spread evenly over quantiles.

    A tenth is pure noise, where every picture begins and words alone can tell what to draw; the logit-normal
    itself never reaches it.
    """
    start = torch.rand(1, generator=generator, device="cpu", dtype=torch.float32)
    places = (start + torch.arange(count, device="cpu", dtype=torch.float32) / count) % 1.0
    inner = (places - PURE_NOISE) / (1 - PURE_NOISE)
    normal = torch.erfinv((2 * inner - 1).clamp(-0.999, 0.999)) * 2**0.5
    return shift(normal.sigmoid(), amount).masked_fill(places < PURE_NOISE, 1.0)
