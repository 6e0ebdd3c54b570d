"""Attention over few of many keys by Ascend's `npu_sparse_flash_attention`, whose published form is multi-head latent
attention: one key-value head of 512 channels, keys that are also the values, and 64 rotary channels apart.

Here rotary channels lie among the 512, so the 64 others are free, and the sink rides in them: one more key, of zeros,
that every query reads, answers two of these channels with the sink's logit, in two parts because one number in half
precision would round it.  Its value is zero, so it adds to the denominator alone, and its gradient comes back through
the same channels: nothing undocumented is asked of the operator, not its own `sinks`, which have no gradient.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from sancai.ops.backends.ascend_launch import HALF, Arguments, Gradients, Tensors, operator
from sancai.ops.precision import wide
from sancai.ops.roles import Kernel

WIDTH = 512
EXTRA = 64
HEADS = (1, 2, 4, 8, 16, 32, 64, 128)
LATENT = 2
"""The attention mode in which keys are the values."""
EVERYTHING = 0
"""The sparse mode without a mask of the operator's own: a query reads what its indices name."""
MOST_KEYS = 1 << 24
"""Places beyond are no whole numbers in fp32."""


def _covers(query: Tensor, keys: Tensor, mask: Tensor, sink: Tensor, limit: int) -> bool:
    fits = query.shape[-1] == WIDTH and query.shape[2] in HEADS and keys.shape[1] < MOST_KEYS
    return fits and query.dtype in HALF and query.dtype == keys.dtype and query.numel() > 0 and keys.numel() > 0


def _indices(mask: Tensor, limit: int) -> Tensor:
    """Return (B, T, 1, limit + 1) int32: the sink's key, the keys that a query reads, and -1 behind them."""
    count = mask.shape[-1]
    left = torch.arange(count, 0, -1, device=mask.device, dtype=torch.float32)  # of topk's fast formats; exact
    best = torch.where(mask, left, 0.0).topk(min(limit, count), -1).values
    read = torch.where(best > 0, count - best, -1.0)
    return F.pad(read, (1, 0), value=count)[:, :, None].to(torch.int32).contiguous()


def _with_sink(query: Tensor, keys: Tensor, sink: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return query, keys (B, S + 1, 1, K), and the extra channels of both."""
    logit = wide(sink) * query.shape[-1] ** 0.5
    first = logit.to(query.dtype)
    parts = torch.stack([first, (logit - wide(first)).to(query.dtype)], -1)
    asked = F.pad(parts, (0, EXTRA - 2)).expand(*query.shape[:3], EXTRA).contiguous()
    answer = F.pad(keys.new_ones(keys.shape[0], 1, 1, 2), (0, EXTRA - 2, 0, 0, keys.shape[1], 0))
    return query.contiguous(), F.pad(keys, (0, 0, 0, 1))[:, :, None].contiguous(), asked, answer.contiguous()


def _forward(query: Tensor, keys: Tensor, mask: Tensor, sink: Tensor, limit: int) -> tuple[Tensor, Tensors]:
    indices = _indices(mask, limit)
    query, keys, asked, answer = _with_sink(query, keys, sink)
    out, highest, total = operator("npu_sparse_flash_attention")(
        query, keys, keys, indices, WIDTH**-0.5, query_rope=asked, key_rope=answer, sparse_block_size=1,
        layout_query="BSND", layout_kv="BSND", sparse_mode=EVERYTHING, attention_mode=LATENT, return_softmax_lse=True,
    )  # fmt: skip
    return out, (out, highest, total, indices)


def _backward(args: Arguments, kept: Tensors, gradients: Gradients) -> Arguments:
    out, highest, total, indices = kept
    given = gradients[0]
    assert given is not None
    query, keys, _, sink, _ = args
    query, keys, asked, answer = _with_sink(query, keys, sink)
    to_query, to_keys, to_values, to_asked, _ = operator("npu_sparse_flash_attention_grad")(
        query, keys, keys, indices, given.contiguous(), out, highest, total, WIDTH**-0.5, 1, query_rope=asked,
        key_rope=answer, layout="BSND", sparse_mode=EVERYTHING, attention_mode=LATENT,
    )  # fmt: skip
    to_sink = wide(to_asked[..., 0]).sum((0, 1)) * WIDTH**0.5
    return to_query, (to_keys + to_values)[:, :-1, 0], None, to_sink, None


SPARSE_ATTENTION = Kernel(_forward, _backward, _covers)
