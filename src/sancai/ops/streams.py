"""Hyper-connections (arXiv 2409.19606): weighted sums and mixing of N residual streams, with coefficients per token.

`hyper_pre` computes the coefficients and the input of a sublayer; `mix` computes the streams after it.  Both kinds of
sums exist in two equivalent versions: `weigh` and `mix` are small matrix products, which are few operations;
`weigh_unrolled` and `mix_unrolled` add stream by stream, which a compiler fuses into one loop over the channels.
Coefficients have their stream dimension first, (N, B, T), so that they vectorise over tokens.

Letters as in `sancai.model`: N streams, D channels.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sancai.ops.dispatch import operator
from sancai.ops.norm import rms_scale
from sancai.ops.precision import upcast
from sancai.ops.samples import hyper_post_samples
from sancai.ops.sinkhorn import sinkhorn
from sancai.ops.verification import SampleInput, SampleTensors


@dataclass(frozen=True)
class HyperSettings:
    """Settings of one hyper-connection.

    iterations: Sinkhorn iterations.
    hc_eps: epsilon of Sinkhorn and of the gates.
    eps: epsilon of the norm.
    """

    iterations: int
    hc_eps: float
    eps: float


def _hyper_pre_samples(make: SampleTensors) -> list[SampleInput]:
    """Return sample inputs of hyper_pre(streams, fn, base, scale, shift, settings)."""

    def sample(name: str, batch: int, length: int, dim: int, shifted: bool) -> SampleInput:
        n, settings = 4, HyperSettings(20, 1e-6, 1e-6)
        logits = (2 + n) * n
        streams, fn = make.normal(batch, length, n, dim), make.fp32(logits, n * dim, scale=(n * dim) ** -0.5)
        shift = make.fp32(batch, length, logits) if shifted else None
        weights = fn, make.fp32(logits), make.fp32(3)
        return SampleInput(name, (streams, *weights, shift, settings), (0, 1, 2, 3, 4) if shifted else (0, 1, 2, 3))

    if make.benchmark:
        return [sample("one layer", 1, 4096, 4096, False)]
    return [sample("text", 2, 5, 24, False), sample("noise", 1, 7, 40, True)]


@operator("hyper_pre", _hyper_pre_samples)
def hyper_pre(
    streams: Tensor, fn: Tensor, base: Tensor, scale: Tensor, shift: Tensor | None, settings: HyperSettings
) -> tuple[Tensor, Tensor, Tensor]:
    """Return a sublayer's input (B, T, D) and the coefficients post (N, B, T) and comb (N, N, B, T), fp32.

    Args:
        streams: (B, T, N, D).
        fn: ((2 + N)·N, N·D), projects the normalised streams to the logits of pre, post and comb.
        base: ((2 + N)·N,), added to the logits.
        scale: (3,), multiplies the logits of pre, post and comb.
        shift: (B, T, (2 + N)·N), added to the logits (noise conditioning); None for no shift.
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
    """Return fn · v / rms(v), (outputs, B, T) in fp32, where v are the flattened streams (B, T, N, D).

    The product runs in the dtype of the streams with fp32 accumulation, everything after it in fp32.
    """
    flat = streams.flatten(0, 1).flatten(1)
    projected = upcast(F.linear(fn.to(flat.dtype), flat)) * rms_scale(flat, eps)[:, 0]
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


@operator("hyper_post", hyper_post_samples)
def mix(comb: Tensor, streams: Tensor, post: Tensor, output: Tensor) -> Tensor:
    """Return the new streams (B, T, N, D): post_k · output + Σ_j comb_jk · stream_j.

    Args:
        comb: (N, N, B, T), from stream j to stream k.
        streams: (B, T, N, D).
        post: (N, B, T).
        output: (B, T, D), output of the sublayer.
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
