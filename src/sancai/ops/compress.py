"""Compression of token windows into cache entries by attention pooling (DeepSeek-V4 report, section 2.3).

Each channel has its own softmax over the tokens of a window.  With overlap, an entry pools the previous window through
the first half of the channels and its own window through the second half.

Letters as in `sancai.model`: M entries, m tokens per window, W channels before pooling, K channels per entry.
"""

import torch
from torch import Tensor

from sancai.ops.attention import MASKED
from sancai.ops.dispatch import operator
from sancai.ops.precision import upcast
from sancai.ops.samples import compress_samples

Columns = tuple[Tensor, Tensor]
"""Token indices (B, M, m) of each window, int64, and a mask (B, M, m) of those that exist."""


@operator("compress", compress_samples)
def compress(values: Tensor, gates: Tensor, ape: Tensor, own: Columns, previous: Columns | None) -> Tensor:
    """Return entries (B, M, K) in the dtype of `values`.

    Args:
        values, gates: (B, T, W), W = K, or 2K with overlap.
        ape: (m, W), position bias within the window, added to the gates, fp32.
        own: windows of the entries.  A window without tokens averages its columns; no query attends to it.
        previous: the preceding windows if windows overlap, else None.
    """
    content, logits = _gather(values, own[0]), _gather(gates, own[0]) + ape
    has = own[1]
    if previous is not None:
        dim = values.shape[-1] // 2
        before, before_logits = _gather(values, previous[0]), _gather(gates, previous[0])
        content = torch.cat([before[..., :dim], content[..., dim:]], 2)
        logits = torch.cat([(before_logits + ape)[..., :dim], logits[..., dim:]], 2)
        has = torch.cat([previous[1], has], 2)
    weights = logits.masked_fill(~has[..., None], MASKED).softmax(2)
    return (weights * content).sum(2).to(values.dtype)


def _gather(slots: Tensor, columns: Tensor) -> Tensor:
    """Gather `slots` (B, T, W) at `columns` (B, M, m); return (B, M, m, W) in fp32."""
    index = columns.flatten(1)[..., None].expand(-1, -1, slots.shape[-1])
    return upcast(slots).gather(1, index).unflatten(1, columns.shape[1:])
