"""Attention as two batched products of PyTorch with a fused softmax between them; the weights are kept for backward."""

from typing import Any

import sancai_native
import torch
from torch import Tensor

from sancai.ops.dispatch import Kernel

FORMATS = (torch.float32, torch.bfloat16)
MOST_BYTES = 1 << 30
"""Largest weights (B, T, H, S) that are kept; PyTorch's kernel, which keeps none, takes over beyond."""


def _supports(query: Tensor, keys: Tensor, mask: Tensor, sink: Tensor) -> bool:
    weights = query.shape[:3].numel() * keys.shape[1] * query.element_size()
    same = query.dtype == keys.dtype and sink.dtype == torch.float32
    return query.dtype in FORMATS and same and 0 < weights <= MOST_BYTES


def _forward(query: Tensor, keys: Tensor, mask: Tensor, sink: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    batch, length, heads, width = query.shape
    rows = query.reshape(batch, length * heads, width)
    weights = torch.bmm(rows, keys.transpose(1, 2)).view(batch, length, heads, -1)
    sink_weights = query.new_empty(batch, length, heads, dtype=torch.float32)
    sancai_native.softmax(weights, mask.contiguous(), sink, width**-0.5, sink_weights)
    return torch.bmm(weights.flatten(1, 2), keys).view(query.shape), (weights, sink_weights)


def _backward(args: tuple[Any, ...], kept: tuple[Tensor, ...], gradients: tuple[Tensor | None, ...]) -> tuple[Any, ...]:
    query, keys, _, sink = args
    weights, sink_weights = kept
    assert gradients[0] is not None
    batch, length, heads, width = query.shape
    rows = query.reshape(batch, length * heads, width)
    given = gradients[0].reshape(batch, length * heads, width)
    to_scores = torch.bmm(given, keys.transpose(1, 2)).view(weights.shape)
    to_sink = torch.zeros_like(sink)
    sancai_native.softmax_backward(weights, to_scores, width**-0.5, sink_weights, to_sink)
    flat = to_scores.flatten(1, 2)
    to_keys = torch.bmm(flat.transpose(1, 2), rows) + torch.bmm(weights.flatten(1, 2).transpose(1, 2), given)
    return torch.bmm(flat, keys).view(query.shape), to_keys, None, to_sink


ATTENTION = Kernel(_forward, _backward, _supports)
