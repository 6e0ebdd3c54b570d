"""The cost of operators for a roofline: FLOPs, bytes moved and kernel launches."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

CostKind = Literal["matrix", "vector", "streams", "scores"]


@dataclass(frozen=True, kw_only=True)
class OpCost:
    """The cost of equal launches in one part of a model.

    part: the part of the model.
    kind: matrix products, the mixing of residual streams (4 × 4 products), the work on attention scores between its
        products, or other elementwise work.
    flops, bytes: of all launches together.
    cast: those of the bytes that cast or dequantise stored weights.
    rows, weights: of one matrix product, its rows and the elements of its second matrix.
    backward: arithmetic of the backward pass in units of the forward pass; 0 without gradient.
    """

    part: str
    kind: CostKind
    flops: float = 0.0
    bytes: float = 0.0
    cast: float = 0.0
    launches: float = 1.0
    rows: float = 0.0
    weights: float = 0.0
    backward: float = 2.0


@dataclass(frozen=True)
class CostTotals:
    """Sums over operators."""

    flops: float
    bytes: float
    launches: float


def totals(operators: Iterable[OpCost]) -> CostTotals:
    """Return the sums of FLOPs, bytes and launches."""
    listed = list(operators)
    return CostTotals(sum(o.flops for o in listed), sum(o.bytes for o in listed), sum(o.launches for o in listed))


BACKWARD_LAUNCHES = 0.85
"""Launches of a backward pass per unit of its arithmetic: 1.7 times those of the forward pass (from a trace)."""


def with_backward(operators: Iterable[OpCost], recompute: bool = False) -> list[OpCost]:
    """Return the costs of a forward and a backward pass; `recompute` adds a second forward pass (checkpointing)."""
    extra = 1.0 if recompute else 0.0

    def scaled(o: OpCost) -> OpCost:
        times = 1.0 + o.backward + (extra if o.backward else 0.0)
        launches = 1.0 + o.backward * BACKWARD_LAUNCHES + (extra if o.backward else 0.0)
        return replace(
            o, flops=o.flops * times, bytes=o.bytes * times, cast=o.cast * times, launches=o.launches * launches
        )

    return [scaled(o) for o in operators]
