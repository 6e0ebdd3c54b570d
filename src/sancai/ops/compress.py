"""Pooling of token windows into cache entries: every channel has its own softmax over the slots of a window.

DeepSeek-V4 report section 2.3.  With overlap, an entry pools the previous window through the first half of the
channels and its own window through the second half.
"""

import torch
from torch import Tensor

from sancai.ops.attention import MASKED
from sancai.ops.cases import compress_cases
from sancai.ops.precision import wide
from sancai.ops.roles import role

Columns = tuple[Tensor, Tensor]
"""Columns (B, M, m) of the tokens of every window, int64, and which of them exist (B, M, m), boolean."""


@role("compress", compress_cases)
def compress(values: Tensor, gates: Tensor, ape: Tensor, own: Columns, previous: Columns | None) -> Tensor:
    """Return entries (B, M, K) in the dtype of `values`.

    Args:
        values, gates: (B, T, W), W = K, or 2K with overlap.
        ape: (m, W), added to the gates by place in the window, fp32.
        own: windows of the entries; one without any token means its columns evenly (and nobody reads it).
        previous: the windows before them where they overlap, else None.
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
    """Return the slots (B, M, m, W) at columns (B, M, m), in fp32."""
    index = columns.flatten(1)[..., None].expand(-1, -1, slots.shape[-1])
    return wide(slots).gather(1, index).unflatten(1, columns.shape[1:])
