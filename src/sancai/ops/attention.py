"""Attention of many query heads over one shared key-value head, with a learned sink per head.

Contract (DeepSeek-V4 section 2): keys and values are the same tensor; one softmax spans all keys; the
sink adds `exp(sink)` to the denominator and carries no value.  `attention_reference` is the slow clear
version; two faster twins compute the same, and `attention` takes the better of them.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from sancai.ops.cases import attention_cases, sparse_attention_cases
from sancai.ops.precision import wide
from sancai.ops.roles import role

FEW_KEYS = 1024
MASKED = -1e30  # finite: two of them must not add up to infinity


def attention_reference(query: Tensor, keys: Tensor, mask: Tensor, sink: Tensor) -> Tensor:
    """Return the attention output (B, T, H, K).

    Args:
        query: (B, T, H, K).
        keys: (B, S, K), used as keys and as values.
        mask: (B, T, S) boolean, True = may be read.
        sink: (H,) fp32 logits.
    """
    scores = torch.einsum("bthk,bsk->bhts", wide(query), wide(keys)) * query.shape[-1] ** -0.5
    scores = scores.masked_fill(~mask[:, None], MASKED)
    column = wide(sink).view(1, -1, 1, 1).expand(*scores.shape[:3], 1)
    weights = torch.cat([scores, column], -1).softmax(-1)[..., :-1]
    return torch.einsum("bhts,bsk->bthk", weights, wide(keys)).to(query.dtype)


@role("attention", attention_cases)
def attention(query: Tensor, keys: Tensor, mask: Tensor, sink: Tensor) -> Tensor:
    """Return the same as `attention_reference`, (B, T, H, K), by the faster way for the number of keys."""
    few = keys.shape[1] <= FEW_KEYS
    return attention_products(query, keys, mask, sink) if few else attention_fused(query, keys, mask, sink)


@role("sparse_attention", sparse_attention_cases)
def sparse_attention(query: Tensor, keys: Tensor, mask: Tensor, sink: Tensor, limit: int) -> Tensor:
    """Return the same, (B, T, H, K), where every query reads few of many keys: at most `limit`; kernels rely on it."""
    return attention(query, keys, mask, sink)


def attention_products(query: Tensor, keys: Tensor, mask: Tensor, sink: Tensor) -> Tensor:
    """Return the same, (B, T, H, K), as two batched products; keeps the weights for the backward pass."""
    batch, length, heads, width = query.shape
    scores = torch.bmm(query.reshape(batch, length * heads, width), keys.transpose(1, 2))
    scores = wide(scores).unflatten(1, (length, heads)) * width**-0.5
    scores = scores.masked_fill(~mask[:, :, None], MASKED)
    column = wide(sink).view(1, 1, heads, 1).expand(batch, length, heads, 1)
    weights = torch.cat([scores, column], -1).softmax(-1)[..., :-1].to(query.dtype)
    return torch.bmm(weights.flatten(1, 2), keys).view(query.shape)


def attention_fused(query: Tensor, keys: Tensor, mask: Tensor, sink: Tensor) -> Tensor:
    """Return the same, (B, T, H, K), by PyTorch's scaled-dot-product kernel, whose memory does not grow with T · S.

    The sink rides along as one more key: a zero vector whose extra channel is 1, met by an extra query
    channel that holds the sink's logit.  Its value is zero.
    """
    width = query.shape[-1]
    scale = width**-0.5
    logit = (wide(sink) / scale).to(query.dtype).view(1, 1, -1, 1).expand(*query.shape[:3], 1)
    wide_query = torch.cat([query, F.pad(logit, (0, 7))], -1).transpose(1, 2)
    values = F.pad(keys, (0, 8, 0, 1))
    one_hot = F.pad(keys.new_ones(keys.shape[0], 1, 1), (width, 7, keys.shape[1], 0))
    heads = (-1, query.shape[2], -1, -1)
    out = F.scaled_dot_product_attention(
        wide_query,
        (values + one_hot)[:, None].expand(heads),
        values[:, None].expand(heads),
        attn_mask=F.pad(mask, (0, 1), value=True)[:, None],
        scale=scale,
    )
    return out[..., :width].transpose(1, 2)
