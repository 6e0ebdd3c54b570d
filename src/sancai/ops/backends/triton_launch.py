"""Helpers of the Triton kernels: block sizes, supported dtypes, and interpreter mode."""

import os

import torch
import triton
from torch import Tensor

FORMATS = (torch.float32, torch.float16, torch.bfloat16)
SMALLEST_DOT = 16
"""Smallest number of rows and columns of `tl.dot`."""


def block(size: int, least: int = 1, most: int = 1 << 20) -> int:
    """Return the smallest power of two that is not below `size`, clamped to [least, most]."""
    return max(least, min(most, triton.next_power_of_2(size)))


def is_interpreted() -> bool:
    """Return whether kernels run in Triton's interpreter; its bf16 products are wrong, so tiles are cast to fp32."""
    return os.environ.get("TRITON_INTERPRET", "") in ("1", "true", "on")


def are_supported(*tensors: Tensor | None) -> bool:
    """Return whether the kernels support the dtypes of all tensors."""
    return all(t is None or t.dtype in FORMATS for t in tensors)
