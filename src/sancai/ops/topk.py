"""Top-k over scores with a fixed rule for ties: the latest entry wins.

ReLU scores are often exactly zero.  `torch.topk` breaks such ties differently for different row
widths, so prefill, chunked prefill and decode would read different entries.
"""

import torch
from torch import Tensor

from sancai.ops.precision import wide


def topk_mask(scores: Tensor, visible: Tensor, k: int, recency: Tensor) -> Tensor:
    """Return which visible entries are among the k best of their row.

    Args:
        scores: (B, T, E), fp32.
        visible: (B, T, E) boolean; True may be chosen.
        k: how many to keep; rows with fewer visible entries keep all of them.
        recency: (B, E); of equal scores the larger recency wins.

    Returns:
        (B, T, E) boolean mask, True = selected.
    """
    if scores.shape[-1] <= k:
        return visible
    latest_first = recency.argsort(dim=-1, descending=True, stable=True)[:, None].expand_as(scores)
    masked = wide(scores).masked_fill(~visible, -1e30).gather(-1, latest_first)
    best = torch.sort(masked, dim=-1, descending=True, stable=True).indices[..., :k]
    chosen = torch.zeros_like(visible).scatter(-1, latest_first.gather(-1, best), True)
    return chosen & visible
