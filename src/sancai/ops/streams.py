"""Weighing and mixing of N residual streams by coefficients of every token (hyper-connections).

Two ways compute the same: `weigh` and `mix` as small matrix products, which are few operations, and
`weigh_unrolled` and `mix_unrolled` as sums over the streams, which a compiler joins into one loop along
the channels.  Coefficients lie with their streams first, (N, B, T), so that they vectorise along tokens.
"""

import torch
from torch import Tensor


def weigh(weights: Tensor, streams: Tensor) -> Tensor:
    """Return Σ_j weights_j · stream_j, (B, T, D), of weights (N, B, T) and streams (B, T, N, D)."""
    if torch.compiler.is_compiling():
        return weigh_unrolled(weights, streams)
    return torch.matmul(weights.movedim(0, -1).to(streams.dtype)[..., None, :], streams).squeeze(-2)


def weigh_unrolled(weights: Tensor, streams: Tensor) -> Tensor:
    """Same, stream by stream."""
    first, *others = (w[..., None] * s for w, s in zip(weights.to(streams.dtype), streams.unbind(-2), strict=True))
    for other in others:
        first = first + other
    return first


def mix(comb: Tensor, streams: Tensor, post: Tensor, output: Tensor) -> Tensor:
    """Return the new streams: post_k · output + Σ_j comb_jk · stream_j, (B, T, N, D).

    Args:
        comb: (N, N, B, T), from stream j to stream k.
        streams: (B, T, N, D).
        post: (N, B, T).
        output: (B, T, D), what the sublayer gave.
    """
    if torch.compiler.is_compiling():
        return mix_unrolled(comb, streams, post, output)
    mixed = torch.matmul(comb.permute(2, 3, 1, 0).to(streams.dtype), streams)
    return mixed + post.movedim(0, -1).to(output.dtype)[..., None] * output[..., None, :]


def mix_unrolled(comb: Tensor, streams: Tensor, post: Tensor, output: Tensor) -> Tensor:
    """Same, stream by stream."""
    given = post.to(output.dtype)
    new = [weigh_unrolled(comb[:, k], streams) + given[k][..., None] * output for k in range(len(post))]
    return torch.stack(new, -2)
