"""Lightning indexer: scores of compressed entries and a top-k with deterministic tie-breaking (the latest entry wins).

ReLU scores are often exactly zero.  `torch.topk` breaks such ties differently for different row widths, so prefill,
chunked prefill and decode would select different entries.
"""

import torch
from torch import Tensor

from sancai.ops.precision import upcast


def indexer_topk(query: Tensor, keys: Tensor, weights: Tensor, visible: Tensor, recency: Tensor, k: int) -> Tensor:
    """Return a mask (B, T, M) of the visible entries with the k best index scores; without gradient.

    Args:
        query, keys, weights: as `index_scores` takes them.
        visible, recency, k: as `topk_mask` takes them.
    """
    return topk_mask(index_scores(query.detach(), keys.detach(), weights.detach()), visible, k, recency)


def index_scores(query: Tensor, keys: Tensor, weights: Tensor) -> Tensor:
    """Return Σ_h weights_h · relu(query_h · key), (B, T, M) in fp32 (report eqs 15-16).

    Args:
        query: (B, T, H, I).
        keys: (B, M, I).
        weights: (B, T, H), fp32.
    """
    matches = upcast(torch.einsum("bthk,bek->bthe", query, keys)).relu()
    return torch.einsum("bth,bthe->bte", weights, matches)


def topk_mask(scores: Tensor, visible: Tensor, k: int, recency: Tensor) -> Tensor:
    """Return a mask of the visible entries that are among the k best of their row.

    Args:
        scores: (B, T, M), fp32.
        visible: (B, T, M) boolean, True = may be selected.
        k: number of entries to select; rows with fewer visible entries select all of them.
        recency: (B, M); among equal scores the larger recency wins.

    Returns:
        (B, T, M) boolean mask, True = selected.
    """
    if scores.shape[-1] <= k:
        return visible
    latest_first = recency.argsort(dim=-1, descending=True, stable=True)[:, None].expand_as(scores)
    masked = upcast(scores).masked_fill(~visible, -1e30).gather(-1, latest_first)
    best = torch.sort(masked, dim=-1, descending=True, stable=True).indices[..., :k]
    chosen = torch.zeros_like(visible).scatter(-1, latest_first.gather(-1, best), True)
    return chosen & visible
