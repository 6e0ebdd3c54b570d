"""Rotary position embedding (RoPE, arXiv 2104.09864) on one or three axes, with interleaved pairs in real arithmetic.

DeepSeek-V4 rotates the last `qk_rope_head_dim` channels of each head; pair `i` is channels `2i, 2i+1` of these.  Visual
tokens have three coordinates (t, h, w), and each pair uses one axis.  Text tokens have (p, p, p), which makes their
table bitwise equal to the one-axis table.  YaRN blends frequencies and scales nothing else (no magnitude factor).

Letters: D channels of a vector, R rotary channels, R/2 pairs.
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
    """Return the axis (0 = t, 1 = h, 2 = w) of each pair: t, h, w in turn; the last quarter of the pairs uses t."""
    cycled = 3 * (num_pairs // 4)
    return [i % 3 if i < cycled else 0 for i in range(num_pairs)]


def frequencies(dim: int, theta: float, yarn: YarnScaling | None) -> Tensor:
    """Return the angular frequency of every pair (dim / 2,), in radians per position, fp32."""
    exponents = torch.arange(0, dim, 2, dtype=torch.int64, device="cpu").to(torch.float32) / dim
    plain = 1.0 / (theta**exponents)
    if yarn is None:
        return plain
    low, high = (_pair_of_rotations(dim, theta, yarn, beta) for beta in (yarn.beta_fast, yarn.beta_slow))
    low, high = max(math.floor(low), 0), min(math.ceil(high), dim - 1)
    pairs = torch.arange(dim // 2, dtype=torch.float32, device="cpu")
    ramp = ((pairs - low) / max(high - low, 0.001)).clamp(0, 1)
    return plain / yarn.factor * ramp + plain * (1 - ramp)


def _pair_of_rotations(dim: int, theta: float, yarn: YarnScaling, rotations: float) -> float:
    """Return the (fractional) index of the pair that makes `rotations` turns over the original context length."""
    length = yarn.original_max_position_embeddings
    return dim * math.log(length / (rotations * 2 * math.pi)) / (2 * math.log(theta))


def angles(positions: Tensor, inverse_frequencies: Tensor) -> tuple[Tensor, Tensor]:
    """Return the cos and sin tables (..., R/2) of positions (..., 3), fp32; frequencies (R/2,)."""
    axes = axis_of_pair(inverse_frequencies.shape[0])
    chosen = upcast(torch.stack([positions[..., axis] for axis in axes], -1))
    angle = chosen * inverse_frequencies
    return angle.cos(), angle.sin()


@operator("rope", rope_samples, prefer_compiled=True)
def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the last R channels of x (..., D) and leave the others unchanged.

    cos, sin: (..., R/2), broadcastable over the leading dimensions of x.  Pass `-sin` for the inverse rotation.
    """
    width = 2 * cos.shape[-1]
    head, tail = x[..., :-width], upcast(x[..., -width:])
    pairs = tail.unflatten(-1, (-1, 2))
    even, odd = pairs[..., 0], pairs[..., 1]
    rotated = torch.stack([even * cos - odd * sin, odd * cos + even * sin], -1).flatten(-2)
    return torch.cat([head, rotated.to(x.dtype)], -1)
