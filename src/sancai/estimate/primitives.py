"""The costs of single operations: matrix products, batched products, elementwise steps, norms and rotations."""

from collections.abc import Iterator
from typing import Literal

from sancai.estimate.op_cost import OpCost
from sancai.estimate.workload import ElementBytes
from sancai.model import ModelConfig

ExecutionMode = Literal["cpu", "eager", "fused"]
FP32 = 4
"""Bytes of an fp32 element: where precision matters, whatever layers compute in."""
UNPACK_BYTES, UNPACK_LAUNCHES = 25, 6
"""Dequantisation of an fp8 or fp4 weight: bytes moved per element besides reading and writing it, and launches."""


class OpCosts:
    """The costs of operations in one architecture's execution mode (see `cost_model`)."""

    def __init__(self, config: ModelConfig, mode: ExecutionMode, formats: ElementBytes) -> None:
        self.c, self.mode, self.formats = config, mode, formats
        self.math = formats.math
        self.casts = 1 if formats.math != FP32 else 0
        self.is_fused = mode == "fused"

    def product(
        self, part: str, rows: float, depth: int, width: int, *, count: int = 1, stored: float | None = None,
        math: float | None = None, backward: float = 2.0,
    ) -> OpCost:  # fmt: skip
        """Return the product of rows (rows, depth) with a weight (width, depth), `count` times."""
        math = math or self.math
        stored = stored or self.formats.weights
        weights = count * depth * width
        moved = count * rows * (depth + width) * math
        cast, launches = self.casting(stored, math)
        return OpCost(
            part=part, kind="matrix", flops=2.0 * count * rows * depth * width,
            bytes=moved + weights * (cast + math if cast else stored), cast=weights * cast, launches=1 + launches,
            rows=rows, weights=weights / count, backward=backward,
        )  # fmt: skip

    def casting(self, stored: float, math: float) -> tuple[float, int]:
        """Return bytes per element and launches of casting or dequantising a stored weight."""
        if stored == math or self.is_fused:
            return 0.0, 0
        return (stored + UNPACK_BYTES + math, UNPACK_LAUNCHES) if stored < 2 else (stored + math, 1)

    def batched(
        self, part: str, batch: int, rows: float, depth: int, width: float, *, launches: int, times: int,
        backward: float = 2.0,
    ) -> OpCost:  # fmt: skip
        """Return `times` batched products of (rows, depth) with (depth, width)."""
        scores = batch * rows * width
        moved = times * (scores + batch * (rows + width) * depth) * self.math
        return OpCost(
            part=part, kind="matrix", flops=2.0 * times * scores * depth, bytes=moved, launches=launches,
            rows=rows, weights=depth * width, backward=backward,
        )  # fmt: skip

    def vector(self, part: str, launches: float, moved: float, *, flops: float = 0.0, backward: float = 2.0) -> OpCost:
        """Return elementwise work."""
        return OpCost(part=part, kind="vector", flops=flops, bytes=moved, launches=launches, backward=backward)

    def norm(self, part: str, n: int, dim: int, has_weight: bool = True) -> Iterator[OpCost]:
        """Yield one RMSNorm of n rows."""
        numbers = n * dim
        if self.is_fused:
            yield self.vector(part, 1, 2 * numbers * self.math)
            return
        moved = numbers * (2 * FP32 + FP32 + 2 * FP32 * (2 if has_weight else 1))
        casts = 2 * self.casts * numbers * (FP32 + self.math)
        yield self.vector(part, 3 + int(has_weight) + 2 * self.casts, moved + casts)
        yield self.vector(part, 2, 4 * n * FP32)

    def rotation(self, part: str, n: int, width: int) -> Iterator[OpCost]:
        """Yield the rotary embedding of n vectors of `width` channels."""
        turned = n * self.c.qk_rope_head_dim
        if self.is_fused:
            yield self.vector(part, 1, 2 * n * width * self.math)
            return
        yield self.vector(part, 7 + 2 * self.casts, turned * (15 * FP32 / 2 + 2 * FP32))
        yield self.vector(part, 1, 2 * n * width * self.math)
