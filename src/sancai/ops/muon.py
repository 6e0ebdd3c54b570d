"""The update of Muon for many matrices at once: momentum with Nesterov, orthogonalised by Newton-Schulz."""

from collections import defaultdict
from dataclasses import dataclass

import torch
from torch import Tensor

from sancai.ops.dispatch import operator
from sancai.ops.verification import SampleInput, SampleTensors

POLYNOMIAL = (3.4445, -4.7750, 2.0315)
"""Coefficients of Newton-Schulz that reach the neighbourhood of one fastest."""
ROUGH = 5e-2
"""Orthogonalised matrices are in bf16: two ways to compute them differ by so much of the largest number."""


@dataclass(frozen=True)
class MuonRates:
    """Rate, weight decay, momentum, root mean square of an update, and steps of Newton-Schulz.

    follow: how far averages move towards the new weights.
    """

    rate: float
    decay: float
    momentum: float
    rms: float
    steps: int
    follow: float = 0.0


def _samples(make: SampleTensors) -> list[SampleInput]:
    """Return calls of muon_step(parameters, gradients, momenta, averages, rates)."""
    shapes = [(36, 192, 256), (256, 128)] if make.benchmark else [(2, 24, 40), (40, 24), (17, 35)]

    def sample(name: str, has_averages: bool) -> SampleInput:
        gradients, momenta, averages = ([make.fp32(*s) for s in shapes] for _ in range(3))
        rates = MuonRates(1e-1, 0.05, 0.95, 0.18, 5, 0.3)
        arguments = [g * 0 for g in gradients], gradients, momenta, averages if has_averages else None, rates
        return SampleInput(name, arguments, tolerance=ROUGH)

    return [sample("with averages", True), sample("without", False)]


@operator("muon_step", _samples)
def muon_step(
    parameters: list[Tensor],
    gradients: list[Tensor],
    momenta: list[Tensor],
    averages: list[Tensor] | None,
    rates: MuonRates,
) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Change parameters, momenta and averages in place, and return them.

    Args:
        parameters, gradients, momenta: matrices (R, C) and stacks of them (n, R, C).
        averages: what follows the parameters; None for nothing.
        rates: see `MuonRates`.
    """
    shapes: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for number, parameter in enumerate(parameters):
        shapes[tuple(parameter.shape[-2:])].append(number)
    for shape, numbers in shapes.items():
        looked = look_ahead([gradients[n] for n in numbers], [momenta[n] for n in numbers], rates.momentum)
        seen = [g.to(torch.bfloat16).reshape(-1, *shape) for g in looked]
        update = orthogonalise(torch.cat(seen), rates.steps)
        mine = [parameters[n] for n in numbers]
        torch._foreach_mul_(mine, 1 - rates.rate * rates.decay)
        for parameter, part in zip(mine, update.split([len(g) for g in seen]), strict=True):
            parameter.sub_(part.view_as(parameter), alpha=rates.rate * rates.rms * max(shape) ** 0.5)
    if averages is not None:
        torch._foreach_lerp_(averages, parameters, rates.follow)
    return parameters, momenta, averages or []


def look_ahead(gradients: list[Tensor], momenta: list[Tensor], momentum: float) -> list[Tensor]:
    """Move the momenta in place and return what Nesterov looks ahead to."""
    torch._foreach_mul_(momenta, momentum)
    torch._foreach_add_(momenta, gradients)
    return list(torch._foreach_add(gradients, momenta, alpha=momentum))


def orthogonalise(matrices: Tensor, steps: int) -> Tensor:
    """Return nearly orthogonal matrices (B, R, C) by Newton-Schulz, in bf16: matrix products only."""
    a, b, c = POLYNOMIAL
    x = matrices.to(torch.bfloat16)
    flip = x.shape[-2] > x.shape[-1]
    if flip:
        x = x.transpose(-1, -2)
    norm = torch.linalg.vector_norm(x, dim=(-2, -1), keepdim=True, dtype=torch.float32)
    x = x * (1 / (norm + 1e-12)).to(x.dtype)
    for _ in range(steps):
        square = torch.bmm(x, x.transpose(-1, -2))
        mixed = torch.baddbmm(square, square, square, beta=b, alpha=c)
        x = torch.baddbmm(x, mixed, x, beta=a, alpha=1.0)
    return x.transpose(-1, -2) if flip else x
