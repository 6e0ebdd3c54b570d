"""Updates of weights: one visit a matrix or tensor, in fp32; Newton-Schulz in bf16 where the chip multiplies it."""

import sancai_native
import torch
from torch import Tensor

from sancai.ops.adamw import AdamWSettings
from sancai.ops.dispatch import Kernel
from sancai.ops.muon import POLYNOMIAL, MuonRates


def _are_plain(*lists: list[Tensor]) -> bool:
    return all(t.dtype == torch.float32 and t.is_contiguous() for tensors in lists for t in tensors)


def _muon_supports(
    parameters: list[Tensor],
    gradients: list[Tensor],
    momenta: list[Tensor],
    averages: list[Tensor] | None,
    rates: MuonRates,
) -> bool:
    return _are_plain(parameters, momenta, averages or [])


def _muon(
    parameters: list[Tensor],
    gradients: list[Tensor],
    momenta: list[Tensor],
    averages: list[Tensor] | None,
    rates: MuonRates,
) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    sancai_native.muon(
        parameters, [g.contiguous() for g in gradients], momenta, averages, rates.rate, rates.decay, rates.momentum,
        rates.rms, rates.follow, rates.steps, POLYNOMIAL,
    )  # fmt: skip
    return parameters, momenta, averages or []


def _adamw_supports(
    parameters: list[Tensor],
    gradients: list[Tensor],
    means: list[Tensor],
    squares: list[Tensor],
    steps: list[Tensor],
    rates: AdamWSettings,
) -> bool:
    return _are_plain(parameters, means, squares)


def _adamw(
    parameters: list[Tensor],
    gradients: list[Tensor],
    means: list[Tensor],
    squares: list[Tensor],
    steps: list[Tensor],
    rates: AdamWSettings,
) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    torch._foreach_add_(steps, 1)
    every = zip(parameters, gradients, means, squares, steps, strict=True)
    for parameter, gradient, mean, square, step in every:
        sancai_native.adamw(parameter, gradient.contiguous(), mean, square, int(step), *rates)
    return parameters, means, squares


MUON_STEP = Kernel(_muon, supports=_muon_supports)
FUSED_ADAMW = Kernel(_adamw, supports=_adamw_supports)
