"""One kind of work inside a pass, as a roofline sees it: arithmetic, traffic, launches."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["matrix", "vector", "streams", "scores"]


@dataclass(frozen=True, kw_only=True)
class Operator:
    """Equal launches of one part of a model.

    part: which part.  kind: matrix products, the mixing of residual streams (products of 4 × 4 numbers), what
    happens to attention's scores between its products, or other elementwise work.
    flops, bytes: of all launches together.
    cast: those of the bytes that bring weights from their stored format into that of the arithmetic.
    rows, weights: of one matrix product, its rows and the numbers in its second matrix.
    backward: how much arithmetic the backward pass adds, in forward passes; 0 where nothing flows back.
    """

    part: str
    kind: Kind
    flops: float = 0.0
    bytes: float = 0.0
    cast: float = 0.0
    launches: float = 1.0
    rows: float = 0.0
    weights: float = 0.0
    backward: float = 2.0


@dataclass(frozen=True)
class Totals:
    """Sums over operators."""

    flops: float
    bytes: float
    launches: float


def totals(operators: Iterable[Operator]) -> Totals:
    """Return the sums of FLOPs, bytes and launches."""
    listed = list(operators)
    return Totals(sum(o.flops for o in listed), sum(o.bytes for o in listed), sum(o.launches for o in listed))


BACKWARD_LAUNCHES = 0.85
"""Launches of a backward pass for each unit of its arithmetic: 1.7 times those of the forward pass (traced)."""


def with_backward(operators: Iterable[Operator], recompute: bool = False) -> list[Operator]:
    """Return the operators of a forward and a backward pass; with `recompute` the forward pass runs twice."""
    extra = 1.0 if recompute else 0.0

    def scaled(o: Operator) -> Operator:
        times = 1.0 + o.backward + (extra if o.backward else 0.0)
        launches = 1.0 + o.backward * BACKWARD_LAUNCHES + (extra if o.backward else 0.0)
        return replace(
            o, flops=o.flops * times, bytes=o.bytes * times, cast=o.cast * times, launches=o.launches * launches
        )

    return [scaled(o) for o in operators]
