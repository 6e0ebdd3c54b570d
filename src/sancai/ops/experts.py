"""A mixture of experts: each token's routed experts, weighed, and the shared expert that every token takes."""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sancai.ops.dispatch import operator
from sancai.ops.grouped_matmul import group_rows
from sancai.ops.quantisation import PackedStack
from sancai.ops.swiglu import swiglu
from sancai.ops.verification import SampleInput, SampleTensors


class ExpertWeights(NamedTuple):
    """Clamped SwiGLU networks: gates w1 and values w3 (F, D), outputs w2 (D, F); of routed experts one each (E, …)."""

    w1: Tensor
    w3: Tensor
    w2: Tensor


def _samples(make: SampleTensors) -> list[SampleInput]:
    """Return calls of experts(x, chosen, weights, routed, shared, limit)."""

    def sample(
        name: str, tokens: int, count: int, top_k: int, dim: int, inter: int, limit: float = 10.0
    ) -> SampleInput:
        def networks(*stack: int) -> ExpertWeights:
            gate, value = (make.fp32(*stack, inter, dim, scale=dim**-0.5) for _ in range(2))
            return ExpertWeights(gate, value, make.fp32(*stack, dim, inter, scale=inter**-0.5))

        chosen = torch.cat([make.integers(tokens, 1, below=count - top_k + 1) + i for i in range(top_k)], -1)
        arguments = make.normal(tokens, dim), chosen, make.fp32(tokens, top_k), networks(count), networks(), limit
        return SampleInput(name, arguments, (0, 2, 3, 4, 5, 6, 7, 8))

    if make.benchmark:
        return [
            sample("one layer", 1280, 6, 2, 256, 192) if make.on_host else sample("one layer", 4096, 64, 6, 2048, 1024)
        ]
    return [sample("few tokens", 5, 4, 2, 24, 20), sample("clipped", 70, 5, 1, 40, 24, limit=1.0)]


@operator("experts", _samples)
def experts(
    x: Tensor, chosen: Tensor, weights: Tensor, routed: ExpertWeights, shared: ExpertWeights, limit: float
) -> Tensor:
    """Return Σ_k weights_k · expert_k(x) + shared(x), (T, D).

    Args:
        x: (T, D).
        chosen: (T, k), int64: routed experts of each token.
        weights: (T, k), fp32.
        routed, shared: their weights.
        limit: bound of gates and values.
    """
    stacks: list[Tensor | PackedStack] = [w.to(x.dtype) for w in routed]
    gate, up = (F.linear(x, w.to(x.dtype)) for w in (shared.w1, shared.w3))
    own = F.linear(swiglu(gate, up, limit), shared.w2.to(x.dtype))
    return take_experts(x, chosen, weights, stacks, lambda gate, up: swiglu(gate, up, limit)) + own


def take_experts(
    x: Tensor,
    chosen: Tensor,
    weights: Tensor,
    stacks: list[Tensor | PackedStack],
    activate: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    """Return Σ_k weights_k · expert_k(x), (T, D), of experts whose w1, w3 and w2 are stacked."""
    w1, w3, w2 = stacks
    count, top_k = len(w1.weight if isinstance(w1, PackedStack) else w1), chosen.shape[1]
    flat = chosen.flatten()
    order = flat.argsort(stable=True)
    numbers = torch.arange(count, device=x.device, dtype=flat.dtype)
    counts = (flat == numbers[:, None]).sum(1, dtype=torch.int32)
    plan = group_rows(len(flat), counts)
    tiles = plan.scatter(x.index_select(0, order.int() // top_k))
    gate, up = (plan.matmul(tiles, w) for w in (w1, w3))
    out = plan.gather(plan.matmul(activate(gate, up), w2))
    places = torch.arange(len(order), device=x.device, dtype=torch.int64)
    back = torch.empty_like(order).scatter_(0, order, places)
    return (out.index_select(0, back).unflatten(0, (-1, top_k)) * weights.to(x.dtype)[..., None]).sum(1)
