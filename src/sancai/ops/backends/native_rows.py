"""Norms and rotary positions of rows: apart, and as one step."""

from typing import Any

import sancai_native
import torch
from torch import Tensor

from sancai.ops.dispatch import Kernel

Arguments = tuple[Any, ...]
FORMATS = (torch.float32, torch.bfloat16)
MOST_PAIRS = 512


def _is_table(x: Tensor, cos: Tensor, sin: Tensor) -> bool:
    """Return whether angles are given for every row of x (B, T, ...)."""
    rows = x.shape[:2].numel()
    return (
        x.dim() in (3, 4) and cos.dtype == sin.dtype == torch.float32 and cos.shape == sin.shape
        and cos.shape[:2] == x.shape[:2] and cos.numel() == rows * cos.shape[-1] and cos.shape[-1] <= MOST_PAIRS
    )  # fmt: skip


def _supports_norm(x: Tensor, weight: Tensor | None, eps: float) -> bool:
    return x.dtype in FORMATS and x.numel() > 0 and (weight is None or weight.dtype == torch.float32)


def _supports_rope(x: Tensor, cos: Tensor, sin: Tensor) -> bool:
    return x.dtype in FORMATS and x.numel() > 0 and _is_table(x, cos, sin)


def _supports_both(x: Tensor, weight: Tensor | None, cos: Tensor, sin: Tensor, eps: float) -> bool:
    return _supports_norm(x, weight, eps) and _is_table(x, cos, sin)


def _norm_rope(
    x: Tensor, weight: Tensor | None, cos: Tensor, sin: Tensor, eps: float
) -> tuple[Tensor, tuple[Tensor, ...]]:
    x, heads = x.contiguous(), x.shape[2] if x.dim() == 4 else 1
    out, inverse = torch.empty_like(x), x.new_empty(x.shape[:-1], dtype=torch.float32)
    sancai_native.norm_rope(x, heads, weight, cos.contiguous(), sin.contiguous(), False, eps, inverse, out)
    return out, (inverse,)


def _norm_rope_backward(args: Arguments, kept: tuple[Tensor, ...], gradients: tuple[Tensor | None, ...]) -> Arguments:
    x, weight, cos, sin, _ = args
    x, heads = x.contiguous(), x.shape[2] if x.dim() == 4 else 1
    to_x, to_weight = torch.empty_like(x), None if weight is None else torch.zeros_like(weight)
    given = _present(gradients[0])
    tables = cos.contiguous(), sin.contiguous()
    sancai_native.norm_rope_backward(x, heads, weight, *tables, False, kept[0], given, to_x, to_weight)
    return to_x, to_weight, None, None, None


def _norm(x: Tensor, weight: Tensor | None, eps: float) -> tuple[Tensor, tuple[Tensor, ...]]:
    x = x.contiguous()
    out, inverse = torch.empty_like(x), x.new_empty(x.shape[:-1], dtype=torch.float32)
    sancai_native.norm_rope(x, 1, weight, None, None, False, eps, inverse, out)
    return out, (inverse,)


def _norm_backward(args: Arguments, kept: tuple[Tensor, ...], gradients: tuple[Tensor | None, ...]) -> Arguments:
    x, weight, _ = args
    x = x.contiguous()
    to_x, to_weight = torch.empty_like(x), None if weight is None else torch.zeros_like(weight)
    given = _present(gradients[0])
    sancai_native.norm_rope_backward(x, 1, weight, None, None, False, kept[0], given, to_x, to_weight)
    return to_x, to_weight, None


def _rope(x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    x, heads = x.contiguous(), x.shape[2] if x.dim() == 4 else 1
    out = torch.empty_like(x)
    sancai_native.norm_rope(x, heads, None, cos.contiguous(), sin.contiguous(), False, 0.0, None, out)
    return out, ()


def _rope_backward(args: Arguments, kept: tuple[Tensor, ...], gradients: tuple[Tensor | None, ...]) -> Arguments:
    x, cos, sin = args
    given = _present(gradients[0])
    to_x = torch.empty_like(given)
    tables = cos.contiguous(), sin.contiguous()
    sancai_native.norm_rope(given, x.shape[2] if x.dim() == 4 else 1, None, *tables, True, 0.0, None, to_x)
    return to_x, None, None


def _present(gradient: Tensor | None) -> Tensor:
    assert gradient is not None, "an operator with one output is only asked for gradients where it has one"
    return gradient.contiguous()


RMS_NORM = Kernel(_norm, _norm_backward, _supports_norm)
ROPE = Kernel(_rope, _rope_backward, _supports_rope)
NORM_ROPE = Kernel(_norm_rope, _norm_rope_backward, _supports_both)
