"""What Triton's kernels share: block sizes, and how the interpreter differs from a device."""

import os

import torch
import triton
from torch import Tensor

FORMATS = (torch.float32, torch.float16, torch.bfloat16)
SMALLEST_DOT = 16
"""Fewest rows and columns that a product of tiles takes."""


def block(size: int, least: int = 1, most: int = 1 << 20) -> int:
    """Return the power of two that holds `size`, between two bounds."""
    return max(least, min(most, triton.next_power_of_2(size)))


def is_interpreted() -> bool:
    """Return whether kernels run in the interpreter, whose products of bf16 tiles are wrong: they run in fp32."""
    return os.environ.get("TRITON_INTERPRET", "") in ("1", "true", "on")


def are_plain(*tensors: Tensor | None) -> bool:
    """Return whether all tensors are in formats that kernels take."""
    return all(t is None or t.dtype in FORMATS for t in tensors)
