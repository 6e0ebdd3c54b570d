"""Quantisation to and from the FP8 and FP4 formats of DeepSeek's checkpoints, with power-of-two scales.

FP8: e4m3 values with one scale per block of 128 × 128.  FP4: e2m1 values, two per byte (the even column in the low
half), with one scale per row and 32 columns.  Scales are e8m0 bytes: b means 2^(b − 127).

Letters: O output channels, I input channels, E groups (experts).
"""

import itertools
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sancai.errors import CheckpointError

BLOCK = 128
GROUP = 32
LARGEST_FP8, LARGEST_FP4 = 448.0, 6.0
FP4_VALUES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
"""The eight magnitudes; codes 8 to 15 are their negatives."""
SMALLEST = 2.0**-126


def scale_values(scale: Tensor) -> Tensor:
    """Return scales (any shape) in fp32; e8m0 may be given as uint8."""
    if scale.dtype == torch.uint8:
        scale = scale.view(torch.float8_e8m0fnu)
    return scale.to(torch.float32)


def dequantise_fp8(weight: Tensor, scale: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Dequantise e4m3 `weight` (..., O, I) with `scale` (..., ⌈O/128⌉, ⌈I/128⌉), one per block.

    Raises:
        CheckpointError: the scales do not have this shape.
    """
    rows, columns = weight.shape[-2:]
    expected = (*weight.shape[:-2], -(-rows // BLOCK), -(-columns // BLOCK))
    _check("fp8", weight, scale, expected)
    wide = scale_values(scale).repeat_interleave(BLOCK, -2)[..., :rows, :]
    wide = wide.repeat_interleave(BLOCK, -1)[..., :columns]
    return (weight.to(torch.float32) * wide).to(dtype)


def quantise_fp8(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Quantise `weight` (..., O, I); return e4m3 values (..., O, I) and e8m0 scales (..., ⌈O/128⌉, ⌈I/128⌉).

    Each block gets the smallest power of two that avoids overflow.
    """
    rows, columns = weight.shape[-2:]
    padded = torch.nn.functional.pad(weight.to(torch.float32), (0, -columns % BLOCK, 0, -rows % BLOCK))
    blocks = padded.unflatten(-1, (-1, BLOCK)).unflatten(-3, (-1, BLOCK))
    scale = _power_of_two(blocks.abs().amax((-3, -1)) / LARGEST_FP8)
    values = (blocks / scale[..., :, None, :, None]).flatten(-4, -3).flatten(-2)[..., :rows, :columns]
    return values.to(torch.float8_e4m3fn), scale.to(torch.float8_e8m0fnu)


def dequantise_fp4(packed: Tensor, scale: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Dequantise `packed` (..., O, I/2), pairs of e2m1, with `scale` (..., O, I/32), one per group; return (..., O, I).

    Raises:
        CheckpointError: the scales do not have this shape.
    """
    columns = packed.shape[-1] * 2
    _check("fp4", packed, scale, (*packed.shape[:-1], columns // GROUP))
    signed = [*FP4_VALUES, *(-v for v in FP4_VALUES)]
    bytes_ = [[signed[b & 15], signed[b >> 4]] for b in range(256)]
    table = torch.tensor(bytes_, device=packed.device, dtype=torch.float32)
    numbers = table.index_select(0, packed.view(torch.uint8).flatten().int()).view(*packed.shape[:-1], -1, GROUP)
    return (numbers * scale_values(scale)[..., None]).flatten(-2).to(dtype)


def quantise_fp4(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Quantise `weight` (..., O, I); return packed e2m1 as int8 (..., O, I/2) and e8m0 scales (..., O, I/32).

    Ties are rounded to the even code.

    Raises:
        CheckpointError: I is not a multiple of 32.
    """
    if weight.shape[-1] % GROUP:
        raise CheckpointError(
            f"a weight of {weight.shape[-1]} columns does not divide into fp4 groups of {GROUP}; use fp8 for it"
        )
    groups = weight.to(torch.float32).unflatten(-1, (-1, GROUP))
    scale = _power_of_two(groups.abs().amax(-1) / LARGEST_FP4)
    numbers = (groups / scale[..., None]).flatten(-2)
    codes = torch.bucketize(numbers.abs(), _rounding_thresholds(weight.device))
    codes = (codes + 8 * numbers.signbit()).to(torch.uint8)
    packed = codes[..., 0::2] | (codes[..., 1::2] << 4)
    return packed.view(torch.int8), scale.to(torch.float8_e8m0fnu)


def unpack(weight: Tensor, scale: Tensor | None, dtype: torch.dtype) -> Tensor:
    """Return `weight` (..., O, I) in `dtype`: cast if `scale` is None, else dequantised from fp8 or packed fp4."""
    if scale is None:
        return weight.to(dtype)
    return (dequantise_fp4 if weight.dtype == torch.int8 else dequantise_fp8)(weight, scale, dtype)


def quant_matmul(x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    """Return x (..., I) @ weightᵀ in the dtype of x, (..., O), for a `weight` (O, I) in fp8 or packed fp4."""
    return F.linear(x, unpack(weight, scale, x.dtype))


@dataclass(frozen=True)
class PackedStack:
    """Weights (E, O, I) of E groups in their stored format; dequantised or cast at use."""

    weight: Tensor
    scale: Tensor | None
    dtype: torch.dtype

    def one(self, number: int) -> Tensor:
        """Return the weight (O, I) of one group."""
        return unpack(self.weight[number], None if self.scale is None else self.scale[number], self.dtype)

    @property
    def bytes_of_one(self) -> int:
        """Bytes of one group's weight after dequantisation."""
        numbers_each = 2 if self.scale is not None and self.weight.dtype == torch.int8 else 1
        return math.prod(self.weight.shape[1:]) * numbers_each * self.dtype.itemsize

    def all(self) -> Tensor:
        """Return the weights (E, O, I) of all groups."""
        return unpack(self.weight, self.scale, self.dtype)

    def some(self, numbers: Tensor) -> Tensor:
        """Return the weights (n, O, I) of the groups with these numbers (n,), int64."""
        scale = None if self.scale is None else self.scale.view(torch.uint8)[numbers].view(self.scale.dtype)
        return unpack(self.weight.view(torch.uint8)[numbers].view(self.weight.dtype), scale, self.dtype)


def _power_of_two(needed: Tensor) -> Tensor:
    """Return the smallest power of two not below `needed`, in fp32; at least 2^-126."""
    mantissa, exponent = torch.frexp(needed.clamp(min=SMALLEST))
    exponent = torch.where(mantissa == 0.5, exponent - 1, exponent)
    return torch.ldexp(torch.ones_like(needed), exponent)


def _rounding_thresholds(device: torch.device) -> Tensor:
    """Return the upper thresholds (7,) of the seven lower FP4 codes; a tie takes the even code."""
    middles = torch.tensor([(a + b) / 2 for a, b in itertools.pairwise(FP4_VALUES)], device=device, dtype=torch.float32)
    below = torch.nextafter(middles, torch.zeros_like(middles))
    upper_is_even = torch.arange(7, device=device, dtype=torch.int64) % 2 == 1
    return torch.where(upper_is_even, below, middles)


def _check(kind: str, weight: Tensor, scale: Tensor, expected: tuple[int, ...]) -> None:
    """Raise CheckpointError where scales do not fit their weight."""
    if tuple(scale.shape) != expected:
        raise CheckpointError(
            f"an {kind} weight of shape {list(weight.shape)} needs scales {list(expected)}, got {list(scale.shape)}; "
            "fetch the weights again"
        )
