"""Hyper-connections in Triton: the input of a sublayer and the streams after it, forward and backward.

The projection to the logits and the arithmetic on the few logits per token stay in PyTorch; whatever reads whole
streams, and the Sinkhorn iterations, are kernels.  Each program processes one token.
"""

from typing import Any

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from torch import Tensor

from sancai.ops.backends import triton_sinkhorn
from sancai.ops.backends.triton_launch import are_supported, block
from sancai.ops.dispatch import Kernel
from sancai.ops.streams import HyperSettings

BLOCK_CHANNELS = 256


@triton.jit
def square_kernel(streams, out, size, eps, BLOCK: tl.constexpr):
    """Write 1 / sqrt(mean square + eps) of each token's `size` numbers."""
    token = tl.program_id(0).to(tl.int64)
    held = tl.zeros((BLOCK,), tl.float32)
    for start in range(0, size, BLOCK):
        place = start + tl.arange(0, BLOCK)
        x = tl.load(streams + token * size + place, mask=place < size, other=0.0).to(tl.float32)
        held += x * x
    tl.store(out + token, tl.rsqrt(tl.sum(held, 0) / size + eps))


@triton.jit
def streams_of(streams, token, stream, channel, dim, N: tl.constexpr):
    """Return some channels of a token's streams in fp32, where they lie in (tokens, N, dim), and which exist."""
    inside = channel < dim
    place = (token * N + stream[:, None]) * dim + channel[None, :]
    x = tl.load(streams + place, mask=inside[None, :], other=0.0).to(tl.float32)
    return x, place, inside


@triton.jit
def weigh_kernel(streams, pre, out, tokens, dim, N: tl.constexpr, BLOCK: tl.constexpr):
    """Write Σ_j pre_j · stream_j of each token; pre (N, tokens)."""
    token = tl.program_id(0).to(tl.int64)
    stream = tl.arange(0, N)
    weight = tl.load(pre + stream * tokens + token)
    for start in range(0, dim, BLOCK):
        channel = start + tl.arange(0, BLOCK)
        x, _, inside = streams_of(streams, token, stream, channel, dim, N)
        held = tl.sum(weight[:, None] * x, 0)
        tl.store(out + token * dim + channel, held.to(out.dtype.element_ty), mask=inside)


@triton.jit
def weigh_weights_kernel(streams, given, out, tokens, dim, N: tl.constexpr, BLOCK: tl.constexpr):
    """Write the gradient of pre (N, tokens): Σ_d given · stream_j."""
    token = tl.program_id(0).to(tl.int64)
    stream = tl.arange(0, N)
    held = tl.zeros((N, BLOCK), tl.float32)
    for start in range(0, dim, BLOCK):
        channel = start + tl.arange(0, BLOCK)
        x, _, inside = streams_of(streams, token, stream, channel, dim, N)
        g = tl.load(given + token * dim + channel, mask=inside, other=0.0).to(tl.float32)
        held += x * g[None, :]
    tl.store(out + stream * tokens + token, tl.sum(held, 1))


@triton.jit
def weigh_streams_kernel(streams, projected, pre, given, norm, out, tokens, dim, N: tl.constexpr, BLOCK: tl.constexpr):
    """Write the gradient of the streams: through the projection, the weighing and the norm (`norm`, (tokens,))."""
    token = tl.program_id(0).to(tl.int64)
    stream = tl.arange(0, N)
    weight = tl.load(pre + stream * tokens + token)
    factor = tl.load(norm + token)
    for start in range(0, dim, BLOCK):
        channel = start + tl.arange(0, BLOCK)
        x, place, inside = streams_of(streams, token, stream, channel, dim, N)
        held = tl.load(projected + place, mask=inside[None, :], other=0.0).to(tl.float32)
        g = tl.load(given + token * dim + channel, mask=inside, other=0.0).to(tl.float32)
        held += weight[:, None] * g[None, :] + factor * x
        tl.store(out + place, held.to(out.dtype.element_ty), mask=inside[None, :])


@triton.jit
def mix_kernel(comb, streams, post, output, out, tokens, dim, N: tl.constexpr, BLOCK: tl.constexpr):
    """Write post_k · output + Σ_j comb_jk · stream_j of each token; comb (N, N, tokens), post (N, tokens)."""
    token = tl.program_id(0).to(tl.int64)
    stream = tl.arange(0, N)
    c = tl.load(comb + (stream[:, None] * N + stream[None, :]) * tokens + token)
    p = tl.load(post + stream * tokens + token)
    for start in range(0, dim, BLOCK):
        channel = start + tl.arange(0, BLOCK)
        x, place, inside = streams_of(streams, token, stream, channel, dim, N)
        o = tl.load(output + token * dim + channel, mask=inside, other=0.0).to(tl.float32)
        held = p[:, None] * o[None, :] + tl.sum(c[:, :, None] * x[:, None, :], 0)
        tl.store(out + place, held.to(out.dtype.element_ty), mask=inside[None, :])


@triton.jit
def mix_back_kernel(
    comb, streams, post, output, given, to_comb, to_streams, to_post, to_output, tokens, dim,
    N: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Write the gradients of all four."""
    token = tl.program_id(0).to(tl.int64)
    stream = tl.arange(0, N)
    cell = (stream[:, None] * N + stream[None, :]) * tokens + token
    c = tl.load(comb + cell)
    p = tl.load(post + stream * tokens + token)
    held_c = tl.zeros((N, N), tl.float32)
    held_p = tl.zeros((N,), tl.float32)
    for start in range(0, dim, BLOCK):
        channel = start + tl.arange(0, BLOCK)
        x, place, inside = streams_of(streams, token, stream, channel, dim, N)
        o = tl.load(output + token * dim + channel, mask=inside, other=0.0).to(tl.float32)
        g = tl.load(given + place, mask=inside[None, :], other=0.0).to(tl.float32)
        to_x = tl.sum(c[:, :, None] * g[None, :, :], 1)
        tl.store(to_streams + place, to_x.to(to_streams.dtype.element_ty), mask=inside[None, :])
        to_o = tl.sum(p[:, None] * g, 0)
        tl.store(to_output + token * dim + channel, to_o.to(to_output.dtype.element_ty), mask=inside)
        held_c += tl.sum(x[:, None, :] * g[None, :, :], 2)
        held_p += tl.sum(g * o[None, :], 1)
    tl.store(to_comb + cell, held_c)
    tl.store(to_post + stream * tokens + token, held_p)


def _fits(streams: Tensor) -> bool:
    count = streams.shape[2]
    return count & (count - 1) == 0 and 1 < count <= triton_sinkhorn.MOST_STREAMS and streams.numel() > 0


# -- before a sublayer -------------------------------------------------------------------------------------------------


def _pre_covers(
    streams: Tensor, fn: Tensor, base: Tensor, scale: Tensor, shift: Tensor | None, settings: HyperSettings
) -> bool:
    return _fits(streams) and are_supported(streams, fn, base, scale, shift) and settings.iterations > 0


def _pre_forward(
    streams: Tensor, fn: Tensor, base: Tensor, scale: Tensor, shift: Tensor | None, settings: HyperSettings
) -> tuple[tuple[Tensor, Tensor, Tensor], tuple[Tensor, ...]]:
    """Return the sublayer's input, post and comb; keep what the logits are made of."""
    streams = streams.contiguous()
    batch, length, n, dim = streams.shape
    tokens, flat = batch * length, streams.view(batch * length, n * dim)
    inverse = torch.empty(tokens, device=streams.device, dtype=torch.float32)
    square_kernel[tokens,](streams, inverse, n * dim, settings.eps, BLOCK=block(n * dim, most=1024))
    projected = F.linear(fn.to(flat.dtype), flat).float()
    logits = projected * inverse * _spread(scale, n)[:, None] + base[:, None]
    if shift is not None:
        logits = logits + shift.flatten(0, 1).T
    logits = logits.contiguous()
    pre = logits[:n].sigmoid() + settings.hc_eps
    post = 2 * logits[n : 2 * n].sigmoid()
    square = logits[2 * n :].view(n, n, tokens)
    comb, _ = triton_sinkhorn.forward(square, settings.iterations, settings.hc_eps)
    out = streams.new_empty(batch, length, dim)
    weigh_kernel[tokens,](streams, pre, out, tokens, dim, N=n, BLOCK=block(dim, most=BLOCK_CHANNELS))
    shaped = post.view(n, batch, length), comb.view(n, n, batch, length)
    return (out, *shaped), (inverse, projected, logits)


def _pre_backward(
    args: tuple[Any, ...], kept: tuple[Tensor, ...], gradients: tuple[Tensor | None, ...]
) -> tuple[Any, ...]:
    """Return the gradients of streams, fn, base, scale and shift."""
    streams, fn, base, scale, shift, settings = args
    inverse, projected, logits = kept
    streams = streams.contiguous()
    batch, length, n, dim = streams.shape
    tokens, flat = batch * length, streams.view(batch * length, n * dim)
    made = streams.new_zeros(batch, length, dim), logits.new_zeros(n, tokens), logits.new_zeros(n, n, tokens)
    to_out, to_post, to_comb = (
        m if g is None else g.contiguous().view(m.shape) for g, m in zip(gradients, made, strict=True)
    )
    to_pre = torch.empty_like(logits[:n])
    channels = block(dim, most=BLOCK_CHANNELS)
    weigh_weights_kernel[tokens,](streams, to_out, to_pre, tokens, dim, N=n, BLOCK=channels)
    to_logits = _logit_gradients(logits, to_pre, to_post, to_comb, settings)
    wide = _spread(scale, n)[:, None]
    raw = projected * inverse
    to_raw = to_logits * wide
    to_projected = (to_raw * inverse).to(flat.dtype)
    norm = -(to_raw * projected).sum(0) * inverse.pow(3) / (n * dim)
    through = to_projected.T @ fn.to(flat.dtype)
    pre = logits[:n].sigmoid() + settings.hc_eps
    to_streams = torch.empty_like(streams)
    weigh_streams_kernel[tokens,](streams, through, pre, to_out, norm, to_streams, tokens, dim, N=n, BLOCK=channels)
    parts = (to_logits * raw).sum(1).split([n, n, n * n])
    to_scale = torch.stack([p.sum() for p in parts]).to(scale.dtype)
    to_shift = None if shift is None else to_logits.T.reshape(shift.shape).to(shift.dtype)
    to_fn = (to_projected @ flat).to(fn.dtype)
    return to_streams, to_fn, to_logits.sum(1).to(base.dtype), to_scale, to_shift, None


def _logit_gradients(
    logits: Tensor, to_pre: Tensor, to_post: Tensor, to_comb: Tensor, settings: HyperSettings
) -> Tensor:
    """Return the gradient of the logits ((2 + N)·N, tokens) from those of pre, post and comb."""
    n = len(to_pre)
    gate, spread = logits[:n].sigmoid(), logits[n : 2 * n].sigmoid()
    square = logits[2 * n :].view(n, n, -1)
    through = triton_sinkhorn.gradient(square, settings.iterations, settings.hc_eps, to_comb.float())
    parts = to_pre * gate * (1 - gate), 2 * to_post * spread * (1 - spread), through.flatten(0, 1)
    return torch.cat(parts)


def _spread(scale: Tensor, n: int) -> Tensor:
    """Return the scale of each logit from those of pre, post and comb."""
    pre, post, comb = scale.unbind()
    return torch.cat([pre.expand(n), post.expand(n), comb.expand(n * n)])


# -- after a sublayer --------------------------------------------------------------------------------------------------


def _post_covers(comb: Tensor, streams: Tensor, post: Tensor, output: Tensor) -> bool:
    return _fits(streams) and are_supported(comb, streams, post, output)


def _post_forward(comb: Tensor, streams: Tensor, post: Tensor, output: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    comb, streams, post, output = (t.contiguous() for t in (comb, streams, post, output))
    batch, length, n, dim = streams.shape
    out = torch.empty_like(streams)
    tokens = batch * length
    mix_kernel[tokens,](comb, streams, post, output, out, tokens, dim, N=n, BLOCK=block(dim, most=BLOCK_CHANNELS))
    return out, ()


def _post_backward(
    args: tuple[Any, ...], kept: tuple[Tensor, ...], gradients: tuple[Tensor | None, ...]
) -> tuple[Any, ...]:
    """Return the gradients of comb, streams, post and output."""
    given = gradients[0]
    assert given is not None
    comb, streams, post, output, given = (t.contiguous() for t in (*args, given))
    batch, length, n, dim = streams.shape
    out = tuple(torch.empty_like(t) for t in (comb, streams, post, output))
    tokens, channels = batch * length, block(dim, most=BLOCK_CHANNELS)
    mix_back_kernel[tokens,](comb, streams, post, output, given, *out, tokens, dim, N=n, BLOCK=channels)
    return out


HYPER_PRE = Kernel(_pre_forward, _pre_backward, _pre_covers)
HYPER_POST = Kernel(_post_forward, _post_backward, _post_covers)
