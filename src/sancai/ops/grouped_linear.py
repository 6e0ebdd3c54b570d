"""A linear map in groups of channels: each group of inputs makes its own group of outputs."""

import torch
from torch import Tensor

from sancai.ops.dispatch import operator
from sancai.ops.verification import SampleInput, SampleTensors


def _samples(make: SampleTensors) -> list[SampleInput]:
    """Return calls of grouped_linear(x, weight, groups)."""

    def sample(name: str, batch: int, length: int, groups: int, inner: int, outer: int) -> SampleInput:
        weight = make.normal(groups * outer, inner, scale=inner**-0.5)
        return SampleInput(name, (make.normal(batch, length, groups * inner), weight, groups), (0, 1))

    if make.benchmark:
        return [sample("outputs", *((20, 64, 2, 256, 128) if make.on_host else (1, 4096, 8, 4096, 1024)))]
    return [sample("two groups", 2, 5, 2, 24, 16), sample("three groups", 1, 7, 3, 20, 12)]


@operator("grouped_linear", _samples)
def grouped_linear(x: Tensor, weight: Tensor, groups: int) -> Tensor:
    """Return (B, T, G·R) of x (B, T, G·I) and weight (G·R, I): y_g = W_g x_g."""
    grouped = x.unflatten(-1, (groups, -1))
    return torch.einsum("btgi,gri->btgr", grouped, weight.unflatten(0, (groups, -1))).flatten(-2)
