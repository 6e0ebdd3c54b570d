"""Sparse attention by Ascend's `npu_sparse_flash_attention`, which is documented for multi-head latent attention: one
key-value head of 512 channels, keys that are also the values, and 64 separate rotary channels.

Here the rotary channels are among the 512, so the 64 separate ones are free and carry the sink: one more key, of zeros,
to which every query attends, has the sink's logit in two of these channels (split in two numbers, because one number in
half precision would round it).  Its value is zero, so it only adds to the denominator, and its gradient returns through
the same channels.  The operator's own `sinks` argument has no gradient.

Sizes are those of the operators' documents (cann/ops-transformer, aclnnSparseFlashAttention and its Grad).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from sancai.ops.backends.ascend_launch import HALF, Arguments, Gradients, Tensors, npu_operator
from sancai.ops.dispatch import Kernel
from sancai.ops.precision import upcast

WIDTH = 512
EXTRA = 64
HEADS = (1, 2, 4, 8, 16, 32, 64, 128)
LATENT = 2
"""The attention mode in which keys are the values."""
EVERYTHING = 0
"""The sparse mode without a mask of the operator's own: a query reads what its indices name."""
READ_STEP, READ_LEAST, READ_MOST = 1024, 2048, 8192
"""How many keys a query may name: the backward pass knows multiples of the first; older versions only the second."""
MOST_ROWS = 128 * 1024
MOST_BATCHES = 256
ANSWER = 32.0
"""What the sink's key answers: a power of two that keeps asked numbers, and their gradients, inside half precision."""


def _supports(query: Tensor, keys: Tensor, mask: Tensor, sink: Tensor, limit: int) -> bool:
    batch, length, heads, width = query.shape
    fits = width == WIDTH and heads in HEADS and 0 < batch <= MOST_BATCHES and limit < READ_MOST
    spans = 0 < length <= MOST_ROWS and 0 < keys.shape[1] < MOST_ROWS
    return fits and spans and query.dtype in HALF and query.dtype == keys.dtype


def _indices(mask: Tensor, limit: int) -> Tensor:
    """Return (B, T, 1, width) int32: the sink's key, the keys that a query reads, and -1 behind them."""
    count = mask.shape[-1]
    left = torch.arange(count, 0, -1, device=mask.device, dtype=torch.float32)  # of topk's fast formats; exact
    best = torch.where(mask, left, 0.0).topk(min(limit, count), -1).values
    read = F.pad(torch.where(best > 0, count - best, -1.0), (1, 0), value=count)
    width = max(-(-read.shape[-1] // READ_STEP) * READ_STEP, READ_LEAST)
    return F.pad(read, (0, width - read.shape[-1]), value=-1)[:, :, None].to(torch.int32).contiguous()


def _asked(sink: Tensor, width: int, dtype: torch.dtype) -> Tensor:
    """Return (H, 2): what a query asks of the sink's key, in two parts."""
    logit = upcast(sink) * (width**0.5 / ANSWER)
    first = logit.to(dtype)
    return torch.stack([first, (logit - upcast(first)).to(dtype)], -1)


def _with_sink(query: Tensor, keys: Tensor, sink: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return query, keys (B, S + 1, 1, K), and the extra channels of both."""
    asked = F.pad(_asked(sink, query.shape[-1], query.dtype), (0, EXTRA - 2)).expand(*query.shape[:3], EXTRA)
    answer = F.pad(keys.new_full((keys.shape[0], 1, 1, 2), ANSWER), (0, EXTRA - 2, 0, 0, keys.shape[1], 0))
    with_one = F.pad(keys, (0, 0, 0, 1))[:, :, None]
    return query.contiguous(), with_one.contiguous(), asked.contiguous(), answer.contiguous()


def _lengths(query: Tensor, keys: Tensor) -> Tensors:
    """Return how many rows and keys of each batch count, (B,) int32: all."""
    rows, count = (t.new_full(t.shape[:1], t.shape[1], dtype=torch.int32) for t in (query, keys))
    return rows, count


def _forward(query: Tensor, keys: Tensor, mask: Tensor, sink: Tensor, limit: int) -> tuple[Tensor, Tensors]:
    indices = _indices(mask, limit)
    query, keys, asked, answer = _with_sink(query, keys, sink)
    rows, count = _lengths(query, keys)
    out, highest, total = npu_operator("npu_sparse_flash_attention")(
        query, keys, keys, indices, WIDTH**-0.5, actual_seq_lengths_query=rows, actual_seq_lengths_kv=count,
        query_rope=asked, key_rope=answer, sparse_block_size=1, layout_query="BSND", layout_kv="BSND",
        sparse_mode=EVERYTHING, attention_mode=LATENT, return_softmax_lse=True,
    )  # fmt: skip
    return out, (out, highest, total, indices)


def _backward(args: Arguments, kept: Tensors, gradients: Gradients) -> Arguments:
    out, highest, total, indices = kept
    given = gradients[0]
    assert given is not None
    query, keys, _, sink, _ = args
    query, keys, asked, answer = _with_sink(query, keys, sink)
    rows, count = _lengths(query, keys)
    to_query, to_keys, to_values, to_asked, _ = npu_operator("npu_sparse_flash_attention_grad")(
        query, keys, keys, indices, given.contiguous(), out, highest, total, WIDTH**-0.5, 1, query_rope=asked,
        key_rope=answer, actual_seq_qlen=rows, actual_seq_kvlen=count, layout="BSND", sparse_mode=EVERYTHING,
        attention_mode=LATENT,
    )  # fmt: skip
    to_sink = upcast(to_asked[..., 0]).sum((0, 1)) * (WIDTH**0.5 / ANSWER)
    return to_query, (to_keys + to_values)[:, :-1, 0], None, to_sink, None


SPARSE_ATTENTION = Kernel(_forward, _backward, _supports)
