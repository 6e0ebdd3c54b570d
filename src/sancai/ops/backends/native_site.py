"""Hyper-connection sites: every token's streams are read once forward and once backward."""

import functools
from dataclasses import replace
from typing import Any

import sancai_native
import torch
import torch.nn.functional as F
from torch import Tensor

from sancai.ops.dispatch import Kernel
from sancai.ops.site import EnteredSite, Frames, Pending, SiteNoise, SiteWeights
from sancai.ops.streams import HyperSettings

FORMATS = (torch.float32, torch.bfloat16)
MOST_ITERATIONS = 32


def _supports(
    streams: Tensor, pending: Pending | None, weights: SiteWeights, noise: SiteNoise | None, settings: HyperSettings
) -> bool:
    formats = all(w.dtype == torch.float32 for w in weights) and streams.dtype in FORMATS
    same = pending is None or pending.output.dtype == streams.dtype
    level = noise is None or (noise.logit_shift.dtype, noise.modulation.dtype) == (torch.float32, streams.dtype)
    return (
        formats and same and level and streams.shape[2] in (2, 4) and 1 <= settings.iterations <= MOST_ITERATIONS
        and streams.numel() > 0
    )  # fmt: skip


@functools.lru_cache(maxsize=64)
def _frame_of_token(frames: Frames, batch: int) -> Tensor:
    """Return the frame of every token (B·T,), int32, counted through all rows."""
    each = torch.tensor([tokens for count, tokens in frames for _ in range(count)], dtype=torch.int64, device="cpu")
    one = torch.arange(len(each), dtype=torch.int32, device="cpu").repeat_interleave(each)
    rows = torch.arange(batch, dtype=torch.int32, device="cpu") * len(each)
    return (rows[:, None] + one).flatten()


def _described(
    streams: Tensor,
    pending: Pending | None,
    weights: SiteWeights,
    noise: SiteNoise | None,
    settings: HyperSettings,
    mixed: Tensor | None,
    saved: Tensor,
) -> sancai_native.Site:
    """Return the site as the library takes it: tokens first, every token's coefficients side by side."""
    output = post = comb = shift = modulation = frame = None
    if pending is not None:
        output = pending.output.contiguous()
        post, comb = pending.post.movedim(0, -1).contiguous(), pending.comb.permute(2, 3, 0, 1).contiguous()
    if noise is not None:
        shift, modulation = noise.logit_shift.contiguous(), noise.modulation.contiguous()
        frame = _frame_of_token(noise.frames, len(streams))
    return sancai_native.Site(
        streams, output, post, comb, mixed, *(w.contiguous() for w in weights), shift, modulation, frame, saved,
        settings.iterations, settings.eps, settings.hc_eps,
    )  # fmt: skip


def _forward(
    streams: Tensor, pending: Pending | None, weights: SiteWeights, noise: SiteNoise | None, settings: HyperSettings
) -> tuple[EnteredSite, tuple[Tensor, ...]]:
    streams = streams.contiguous()
    batch, length, n, dim = streams.shape
    mixed = None if pending is None else torch.empty_like(streams)
    normed = streams.new_empty(batch, length, dim)
    read = None if noise is None else torch.empty_like(normed)
    post = streams.new_empty(batch, length, n, dtype=torch.float32)
    comb = streams.new_empty(batch, length, n, n, dtype=torch.float32)
    saved = streams.new_empty(batch, length, len(weights.base) + 2, dtype=torch.float32)
    described = _described(streams, pending, weights, noise, settings, mixed, saved)
    sancai_native.site(described, normed, read, post, comb)
    kept = (saved,) if mixed is None else (saved, mixed)
    return (mixed, normed, read, post.movedim(-1, 0), comb.permute(2, 3, 0, 1)), kept


def _backward(args: tuple[Any, ...], kept: tuple[Tensor, ...], gradients: tuple[Tensor | None, ...]) -> tuple[Any, ...]:
    streams, pending, weights, noise, settings = args
    streams, saved, mixed = streams.contiguous(), kept[0], kept[1] if len(kept) > 1 else None
    described = _described(streams, pending, weights, noise, settings, mixed, saved)
    to_mixed, to_normed, to_read, to_post, to_comb = gradients
    given = (
        *(None if g is None else g.contiguous() for g in (to_mixed, to_normed, to_read)),
        None if to_post is None else to_post.movedim(0, -1).contiguous(),
        None if to_comb is None else to_comb.permute(2, 3, 0, 1).contiguous(),
    )
    batch, length, n, dim = streams.shape
    to_streams = torch.empty_like(streams)
    to_output = streams.new_empty(batch, length, dim)
    to_old_post, to_old_comb = (streams.new_empty(batch, length, *(n,) * d, dtype=torch.float32) for d in (1, 2))
    old = (None, None, None) if pending is None else (to_output, to_old_post, to_old_comb)
    summed = [torch.zeros_like(w) for w in weights]
    level = [] if noise is None else [torch.zeros_like(t, dtype=torch.float32) for t in noise[:2]]
    sancai_native.site_backward(described, given, (to_streams, *old), (*summed, *(level or (None, None))))
    to_pending = [None] if pending is None else [to_output, to_old_post.movedim(-1, 0), to_old_comb.permute(2, 3, 0, 1)]
    to_noise = [None] if noise is None else [level[0], level[1].to(noise.modulation.dtype), None]
    return to_streams, *to_pending, *summed, *to_noise, None


# -- the head: a site whose last two coefficients nobody reads ---------------------------------------------------------


def _head_supports(streams: Tensor, pending: Pending | None, weights: SiteWeights, settings: HyperSettings) -> bool:
    return _supports(streams, pending, weights, None, _without_sinkhorn(settings))


def _without_sinkhorn(settings: HyperSettings) -> HyperSettings:
    return replace(settings, iterations=1)


def _widened(weights: SiteWeights) -> SiteWeights:
    """Return the head's weights as a site's: zeros for the coefficients that it does not have."""
    n = len(weights.base)
    rest = (2 + n) * n - n
    fn, base = F.pad(weights.fn, (0, 0, 0, rest)), F.pad(weights.base, (0, rest))
    return SiteWeights(fn, base, F.pad(weights.scale, (0, 2)), weights.norm)


def _head_forward(
    streams: Tensor, pending: Pending | None, weights: SiteWeights, settings: HyperSettings
) -> tuple[tuple[Tensor | None, Tensor], tuple[Tensor, ...]]:
    out, kept = _forward(streams, pending, _widened(weights), None, _without_sinkhorn(settings))
    return (out[0], out[1]), kept


def _head_backward(
    args: tuple[Any, ...], kept: tuple[Tensor, ...], gradients: tuple[Tensor | None, ...]
) -> tuple[Any, ...]:
    streams, pending, weights, settings = args
    arguments = streams, pending, _widened(weights), None, _without_sinkhorn(settings)
    *found, to_fn, to_base, to_scale, to_norm, _, _ = _backward(arguments, kept, (*gradients, None, None, None))
    n = len(weights.base)
    return *found, to_fn[:n], to_base[:n], to_scale[:1], to_norm, None


HEAD = Kernel(_head_forward, _head_backward, _head_supports, materialize_grads=False)
SITE = Kernel(_forward, _backward, _supports, materialize_grads=False)
