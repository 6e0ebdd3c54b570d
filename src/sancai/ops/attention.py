"""Multi-query attention with a learned sink per head (DeepSeek-V4 report, section 2).

All query heads share one key-value head, and keys and values are the same tensor.  One softmax spans all keys; the sink
adds `exp(sink)` to its denominator and has no value.  `attention_reference` is the slow, readable version; two faster
versions compute the same, and `attention` calls the faster of them.

Letters as in `sancai.model`: T queries, H heads, K channels per head, S keys.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from sancai.ops.dispatch import operator
from sancai.ops.precision import upcast
from sancai.ops.samples import attention_samples, sparse_attention_samples

FEW_KEYS = 1024
"""Up to this many keys batched products are faster than PyTorch's fused kernel."""
MASKED = -1e30  # finite, so that sums of two masked scores do not overflow


def attention_reference(query: Tensor, keys: Tensor, mask: Tensor, sink: Tensor) -> Tensor:
    """Return the attention output (B, T, H, K), computed in fp32.

    Args:
        query: (B, T, H, K).
        keys: (B, S, K), used as keys and as values.
        mask: (B, T, S) boolean, True = the query attends to the key.
        sink: (H,) fp32 logits.
    """
    scores = torch.einsum("bthk,bsk->bhts", upcast(query), upcast(keys)) * query.shape[-1] ** -0.5
    scores = scores.masked_fill(~mask[:, None], MASKED)
    column = upcast(sink).view(1, -1, 1, 1).expand(*scores.shape[:3], 1)
    weights = torch.cat([scores, column], -1).softmax(-1)[..., :-1]
    return torch.einsum("bhts,bsk->bthk", weights, upcast(keys)).to(query.dtype)


@operator("attention", attention_samples)
def attention(query: Tensor, keys: Tensor, mask: Tensor, sink: Tensor) -> Tensor:
    """Return what `attention_reference` does, (B, T, H, K), by the faster version for the number of keys."""
    few = keys.shape[1] <= FEW_KEYS
    return attention_products(query, keys, mask, sink) if few else attention_fused(query, keys, mask, sink)


@operator("sparse_attention", sparse_attention_samples)
def sparse_attention(query: Tensor, keys: Tensor, mask: Tensor, sink: Tensor, limit: int) -> Tensor:
    """Return what `attention_reference` does, (B, T, H, K), for queries that attend to few of many keys.

    limit: upper bound on the keys that any query attends to; sparse kernels rely on it.
    """
    return attention(query, keys, mask, sink)


def attention_products(query: Tensor, keys: Tensor, mask: Tensor, sink: Tensor) -> Tensor:
    """Return what `attention_reference` does, (B, T, H, K), by two batched products; keeps the weights for backward."""
    batch, length, heads, width = query.shape
    scores = torch.bmm(query.reshape(batch, length * heads, width), keys.transpose(1, 2))
    scores = upcast(scores).unflatten(1, (length, heads)) * width**-0.5
    scores = scores.masked_fill(~mask[:, :, None], MASKED)
    column = upcast(sink).view(1, 1, heads, 1).expand(batch, length, heads, 1)
    weights = torch.cat([scores, column], -1).softmax(-1)[..., :-1].to(query.dtype)
    return torch.bmm(weights.flatten(1, 2), keys).view(query.shape)


def attention_fused(query: Tensor, keys: Tensor, mask: Tensor, sink: Tensor) -> Tensor:
    """Return what `attention_reference` does, (B, T, H, K), by PyTorch's scaled-dot-product attention.

    Its memory does not grow with T · S.

    The sink becomes one more key with a value of zero: its extra channel is 1, and an extra query channel holds the
    sink's logit.
    """
    width = query.shape[-1]
    scale = width**-0.5
    logit = (upcast(sink) / scale).to(query.dtype).view(1, 1, -1, 1).expand(*query.shape[:3], 1)
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
