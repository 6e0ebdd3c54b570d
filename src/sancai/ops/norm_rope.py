"""Normalised heads turned to their positions: what queries, keys and compressed entries go through, as one step."""

from torch import Tensor

from sancai.ops.dispatch import operator
from sancai.ops.norm import rms_norm
from sancai.ops.rope import rotate
from sancai.ops.verification import SampleInput, SampleTensors


def _samples(make: SampleTensors) -> list[SampleInput]:
    """Return calls of norm_rope(x, weight, cos, sin, eps)."""

    def sample(name: str, shape: tuple[int, ...], pairs: int, is_weighed: bool) -> SampleInput:
        angle = make.fp32(*shape[:2], *([1] * (len(shape) - 3)), pairs, scale=3.0)
        weight = make.fp32(shape[-1]) if is_weighed else None
        return SampleInput(
            name, (make.normal(*shape), weight, angle.cos(), angle.sin(), 1e-6), (0, 1) if is_weighed else (0,)
        )

    if make.benchmark:
        shape, pairs = ((20, 64, 4, 128), 32) if make.on_host else ((1, 4096, 64, 512), 32)
        return [sample("queries", shape, pairs, False)]
    return [
        sample("queries", (2, 5, 3, 24), 8, False),
        sample("keys", (2, 5, 40), 4, True),
        sample("all", (1, 3, 8), 4, True),
    ]


@operator("norm_rope", _samples, prefer_compiled=True)
def norm_rope(x: Tensor, weight: Tensor | None, cos: Tensor, sin: Tensor, eps: float) -> Tensor:
    """Return `rotate(rms_norm(x, weight, eps), cos, sin)`.

    Args:
        x: (B, T, K) or (B, T, H, K), normalised over the last dimension.
        weight: (K,) or None.
        cos, sin: (B, T, R/2) or (B, T, 1, R/2).
        eps: added to the mean square.
    """
    return rotate(rms_norm(x, weight, eps), cos, sin)
