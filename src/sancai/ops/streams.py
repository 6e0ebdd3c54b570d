"""Weighing and mixing of N residual streams by coefficients of every token (hyper-connections).

`hyper_pre` computes the coefficients and a sublayer's input, `mix` the streams after it.  Weighing and mixing
have two ways that compute the same: `weigh` and `mix` as small matrix products, which are few operations, and
`weigh_unrolled` and `mix_unrolled` as sums over the streams, which a compiler joins into one loop along
the channels.  Coefficients lie with their streams first, (N, B, T), so that they vectorise along tokens.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sancai.ops.cases import hyper_post_cases
from sancai.ops.norm import rms_scale
from sancai.ops.precision import wide
from sancai.ops.roles import role
from sancai.ops.sinkhorn import sinkhorn
from sancai.ops.trial import Case, Draw


@dataclass(frozen=True)
class HyperSettings:
    """Of one site: Sinkhorn iterations, its and the gate's epsilon, and the norm's."""

    iterations: int
    hc_eps: float
    eps: float


def _hyper_pre_cases(draw: Draw) -> list[Case]:
    """Return calls of hyper_pre(streams, fn, base, scale, shift, settings)."""

    def case(name: str, batch: int, length: int, dim: int, shifted: bool) -> Case:
        n, settings = 4, HyperSettings(20, 1e-6, 1e-6)
        logits = (2 + n) * n
        streams, fn = draw.normal(batch, length, n, dim), draw.wide(logits, n * dim, scale=(n * dim) ** -0.5)
        shift = draw.wide(batch, length, logits) if shifted else None
        weights = fn, draw.wide(logits), draw.wide(3)
        return Case(name, (streams, *weights, shift, settings), (0, 1, 2, 3, 4) if shifted else (0, 1, 2, 3))

    if draw.is_large:
        return [case("one layer", 1, 4096, 4096, False)]
    return [case("text", 2, 5, 24, False), case("noise", 1, 7, 40, True)]


@role("hyper_pre", _hyper_pre_cases)
def hyper_pre(
    streams: Tensor, fn: Tensor, base: Tensor, scale: Tensor, shift: Tensor | None, settings: HyperSettings
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the sublayer input (B, T, D), post (N, B, T) and comb (N, N, B, T) of streams (B, T, N, D).

    Args:
        fn: ((2 + N)·N, N·D), from the normalised streams to the logits of pre, post and comb.
        base: ((2 + N)·N,), added to the logits.
        scale: (3,), multiplies the logits of pre, post and comb.
        shift: (B, T, (2 + N)·N), added to the logits; None for none.
    """
    n = streams.shape[2]
    raw = project_streams(streams, fn, settings.eps)
    pre_scale, post_scale, comb_scale = scale.unbind()
    scales = torch.cat([pre_scale.expand(n), post_scale.expand(n), comb_scale.expand(n * n)])
    logits = raw * scales[:, None, None] + base[:, None, None]
    if shift is not None:
        logits = logits + shift.movedim(-1, 0)
    pre = logits[:n].sigmoid() + settings.hc_eps
    post = 2 * logits[n : 2 * n].sigmoid()
    comb = sinkhorn(logits[2 * n :].unflatten(0, (n, n)), settings.iterations, settings.hc_eps)
    return weigh(pre, streams), post, comb


def project_streams(streams: Tensor, fn: Tensor, eps: float) -> Tensor:
    """Return fn · v / rms(v) for v = flattened streams (B, T, N, D), as (outputs, B, T) in fp32.

    The product runs in the dtype of the streams (its sums in fp32), everything after it in fp32.
    """
    flat = streams.flatten(0, 1).flatten(1)
    projected = wide(F.linear(fn.to(flat.dtype), flat)) * rms_scale(flat, eps)[:, 0]
    return projected.unflatten(1, streams.shape[:2])


def weigh(weights: Tensor, streams: Tensor) -> Tensor:
    """Return Σ_j weights_j · stream_j, (B, T, D), of weights (N, B, T) and streams (B, T, N, D)."""
    if torch.compiler.is_compiling():
        return weigh_unrolled(weights, streams)
    return torch.matmul(weights.movedim(0, -1).to(streams.dtype)[..., None, :], streams).squeeze(-2)


def weigh_unrolled(weights: Tensor, streams: Tensor) -> Tensor:
    """Return the same as `weigh`, (B, T, D), stream by stream."""
    first, *others = (w[..., None] * s for w, s in zip(weights.to(streams.dtype), streams.unbind(-2), strict=True))
    for other in others:
        first = first + other
    return first


@role("hyper_post", hyper_post_cases)
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
    """Return the same as `mix`, (B, T, N, D), stream by stream."""
    given = post.to(output.dtype)
    new = [weigh_unrolled(comb[:, k], streams) + given[k][..., None] * output for k in range(len(post))]
    return torch.stack(new, -2)
