"""Pooling of windows into entries: one walk along the channels of each window, forward and backward."""

from typing import Any

import sancai_native
import torch
from torch import Tensor

from sancai.ops.compress import Columns
from sancai.ops.dispatch import Kernel

FORMATS = (torch.float32, torch.bfloat16)
LONGEST = 128


def _supports(values: Tensor, gates: Tensor, ape: Tensor, own: Columns, previous: Columns | None) -> bool:
    formats = values.dtype in FORMATS and gates.dtype == values.dtype and ape.dtype == torch.float32
    return formats and 0 < own[0].numel() and values.numel() > 0 and own[0].shape[-1] <= LONGEST


def _windows(own: Columns, previous: Columns | None) -> tuple[Tensor | None, ...]:
    return *(t.contiguous() for t in own), *((t.contiguous() for t in previous) if previous else (None, None))


def _forward(
    values: Tensor, gates: Tensor, ape: Tensor, own: Columns, previous: Columns | None
) -> tuple[Tensor, tuple[Tensor, ...]]:
    dim = values.shape[-1] // (1 if previous is None else 2)
    out = values.new_empty(values.shape[0], own[0].shape[1], dim)
    tensors = values.contiguous(), gates.contiguous(), ape.contiguous()
    sancai_native.compress(*tensors, *_windows(own, previous), out)
    return out, ()


def _backward(args: tuple[Any, ...], kept: tuple[Tensor, ...], gradients: tuple[Tensor | None, ...]) -> tuple[Any, ...]:
    *tensors, own, previous = args
    assert gradients[0] is not None
    found = [torch.zeros_like(t, memory_format=torch.contiguous_format) for t in tensors]
    given = gradients[0].contiguous()
    contiguous = (t.contiguous() for t in tensors)
    sancai_native.compress_backward(*contiguous, *_windows(own, previous), given, *found)
    return *found, None, None


COMPRESS = Kernel(_forward, _backward, _supports)
