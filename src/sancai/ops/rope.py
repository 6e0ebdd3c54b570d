"""Rotary positions on one or three axes, interleaved pairs, real numbers only.

DeepSeek-V4 rotates the last `qk_rope_head_dim` channels of each head.  Pair `i` is channels
`2i, 2i+1` of that tail.  Visual tokens carry three coordinates (t, h, w); each pair listens to one
axis.  Text tokens carry (p, p, p), which makes the table equal to the one-axis table bit by bit.
YaRN blends frequencies and scales nothing else (no magnitude factor).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sancai.ops.dispatch import operator
from sancai.ops.precision import upcast
from sancai.ops.samples import rope_samples


@dataclass(frozen=True, kw_only=True)
class YarnScaling:
    """Frequency blending for long contexts (YaRN, arXiv 2309.00071) as V4 uses it."""

    factor: float = 16.0
    original_max_position_embeddings: int = 65536
    beta_fast: float = 32.0
    beta_slow: float = 1.0


def axis_of_pair(num_pairs: int) -> list[int]:
    """Return the axis (0 = t, 1 = h, 2 = w) of each pair: t,h,w in turn, the last quarter t."""
    cycled = 3 * (num_pairs // 4)
    return [i % 3 if i < cycled else 0 for i in range(num_pairs)]


def frequencies(dim: int, theta: float, yarn: YarnScaling | None) -> Tensor:
    """Return the angular frequency of every pair, (dim / 2,) in fp32."""
    exponents = torch.arange(0, dim, 2, dtype=torch.int64, device="cpu").to(torch.float32) / dim
    plain = 1.0 / (theta**exponents)
    if yarn is None:
        return plain
    low, high = (_corner(dim, theta, yarn, beta) for beta in (yarn.beta_fast, yarn.beta_slow))
    low, high = max(math.floor(low), 0), min(math.ceil(high), dim - 1)
    pairs = torch.arange(dim // 2, dtype=torch.float32, device="cpu")
    ramp = ((pairs - low) / max(high - low, 0.001)).clamp(0, 1)
    return plain / yarn.factor * ramp + plain * (1 - ramp)


def _corner(dim: int, theta: float, yarn: YarnScaling, rotations: float) -> float:
    """Return the pair index that turns `rotations` times over the original context."""
    length = yarn.original_max_position_embeddings
    return dim * math.log(length / (rotations * 2 * math.pi)) / (2 * math.log(theta))


def angles(positions: Tensor, inverse_frequencies: Tensor) -> tuple[Tensor, Tensor]:
    """Return cos and sin tables (..., R/2) of positions (..., 3) in fp32."""
    axes = axis_of_pair(inverse_frequencies.shape[0])
    chosen = upcast(torch.stack([positions[..., axis] for axis in axes], -1))
    turned = chosen * inverse_frequencies
    return turned.cos(), turned.sin()


@operator("rope", rope_samples, prefer_compiled=True)
def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the last 2·(R/2) channels of x (..., D) by the given angles; the rest passes.

    cos, sin: (..., R/2), broadcastable over x's leading dimensions.  Pass `-sin` to turn back.
    """
    width = 2 * cos.shape[-1]
    head, tail = x[..., :-width], upcast(x[..., -width:])
    pairs = tail.unflatten(-1, (-1, 2))
    even, odd = pairs[..., 0], pairs[..., 1]
    turned = torch.stack([even * cos - odd * sin, odd * cos + even * sin], -1).flatten(-2)
    return torch.cat([head, turned.to(x.dtype)], -1)
