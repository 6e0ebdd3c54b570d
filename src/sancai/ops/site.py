"""One hyper-connection site as one step: what happens to the residual streams between two sublayers.

What the sublayer before gave is mixed into the streams, the streams are collapsed into the next sublayer's input, and
that is normalised and modulated by the noise level.  Joined, a kernel reads the streams once.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from sancai.ops.dispatch import operator
from sancai.ops.norm import rms_norm
from sancai.ops.streams import HyperSettings, hyper_pre, mix, project_streams, weigh
from sancai.ops.verification import SampleInput, SampleTensors

Frames = tuple[tuple[int, int], ...]
"""Runs of frames in the order of their tokens: how many frames, and how many tokens each of them has."""


class Pending(NamedTuple):
    """A sublayer's output (B, T, D) that is not in the streams yet, and how it goes in.

    post: (N, B, T).  comb: (N, N, B, T).
    """

    output: Tensor
    post: Tensor
    comb: Tensor


class SiteWeights(NamedTuple):
    """A site's weights: fn, base and scale as `hyper_pre` takes them, and the norm's weight (D,)."""

    fn: Tensor
    base: Tensor
    scale: Tensor
    norm: Tensor


class SiteNoise(NamedTuple):
    """How the noise levels of F frames condition a site.

    logit_shift: (B, F, (2 + N)·N), added to the logits of a frame's tokens, fp32.
    modulation: (B, F, 2·D), scale and shift of a frame's normalised tokens.
    frames: which tokens are a frame's.
    """

    logit_shift: Tensor
    modulation: Tensor
    frames: Frames


EnteredSite = tuple[Tensor | None, Tensor, Tensor | None, Tensor, Tensor]
"""What `site` returns."""


def _samples(make: SampleTensors) -> list[SampleInput]:
    """Return calls of site(streams, pending, weights, noise, settings)."""

    def sample(name: str, rows: tuple[int, int, int, int], frames: int, is_first: bool = False) -> SampleInput:
        batch, length, n, dim = rows
        logits = (2 + n) * n
        pending = weights = noise = None
        if not is_first:
            coefficients = _positive(make.fp32(n, batch, length)), _positive(make.fp32(n, n, batch, length))
            pending = Pending(make.normal(batch, length, dim), *coefficients)
        fn = make.fp32(logits, n * dim, scale=(n * dim) ** -0.5)
        weights = SiteWeights(fn, make.fp32(logits), make.fp32(3), make.fp32(dim))
        if frames:
            modulation = make.normal(batch, frames, 2 * dim, scale=0.3)
            noise = SiteNoise(make.fp32(batch, frames, logits), modulation, _two_runs(frames, length))
        arguments = make.normal(*rows), pending, weights, noise, HyperSettings(8, 1e-6, 1e-6)
        leaves = [0, *(() if is_first else (1, 2, 3))]
        first = 2 if is_first else 4
        leaves += range(first, first + 4)
        return SampleInput(name, arguments, tuple(leaves + ([first + 4, first + 5] if frames else [])))

    if make.benchmark:
        return [
            sample("one layer", (20, 64, 2, 256), 1) if make.on_host else sample("one layer", (1, 4096, 4, 4096), 1)
        ]
    return [
        sample("text", (2, 5, 4, 24), 0),
        sample("noise", (1, 21, 2, 40), 3),
        sample("many tokens", (2, 19, 2, 20), 1),
        sample("first", (2, 5, 2, 16), 0, is_first=True),
        sample("first noise", (1, 6, 4, 16), 2, is_first=True),
    ]


def _positive(coefficients: Tensor) -> Tensor:
    """Return what gates give; of mixed signs they would cancel streams, and rounding would be all that is left."""
    return coefficients.sigmoid()


def _two_runs(frames: int, length: int) -> Frames:
    """Return frames of which the first has more tokens than the others."""
    each = length // frames - (frames > 1)
    return ((1, length - (frames - 1) * each), (frames - 1, each)) if frames > 1 else ((1, length),)


@operator("hyper_site", _samples)
def site(
    streams: Tensor, pending: Pending | None, weights: SiteWeights, noise: SiteNoise | None, settings: HyperSettings
) -> EnteredSite:
    """Return (mixed streams, normalised input, modulated input, post, comb).

    Args:
        streams: (B, T, N, D).
        pending: what is mixed in first; None for nothing.
        weights: the site's and its norm's.
        noise: None for text.
        settings: the site's; the norm has its `eps`.

    Returns:
        Mixed streams (B, T, N, D), None without `pending`; inputs (B, T, D) of the sublayer, the second None without
        `noise`; post (N, B, T) and comb (N, N, B, T) for what the sublayer will give.
    """
    mixed = None if pending is None else mix(pending.comb, streams, pending.post, pending.output)
    entered = streams if mixed is None else mixed
    shift = None if noise is None else by_token(noise.logit_shift, noise.frames)
    collapsed, post, comb = hyper_pre(entered, weights.fn, weights.base, weights.scale, shift, settings)
    normed = rms_norm(collapsed, weights.norm, settings.eps)
    return mixed, normed, None if noise is None else modulate(normed, noise.modulation, noise.frames), post, comb


def _head_samples(make: SampleTensors) -> list[SampleInput]:
    """Return calls of site_head(streams, pending, weights, settings)."""

    def sample(name: str, batch: int, length: int, n: int, dim: int, is_mixed: bool) -> SampleInput:
        pending = None
        if is_mixed:
            coefficients = _positive(make.fp32(n, batch, length)), _positive(make.fp32(n, n, batch, length))
            pending = Pending(make.normal(batch, length, dim), *coefficients)
        fn = make.fp32(n, n * dim, scale=(n * dim) ** -0.5)
        weights = SiteWeights(fn, make.fp32(n), make.fp32(1), make.fp32(dim))
        arguments = make.normal(batch, length, n, dim), pending, weights, HyperSettings(8, 1e-6, 1e-6)
        return SampleInput(name, arguments, tuple(range(8)) if is_mixed else (0, 2, 3, 4, 5))

    if make.benchmark:
        return [sample("the last layer", *((20, 64, 2, 256) if make.on_host else (1, 4096, 4, 4096)), True)]
    return [sample("four streams", 2, 5, 4, 24, True), sample("nothing pending", 1, 19, 2, 20, False)]


@operator("hyper_head", _head_samples)
def site_head(
    streams: Tensor, pending: Pending | None, weights: SiteWeights, settings: HyperSettings
) -> tuple[Tensor | None, Tensor]:
    """Return (mixed streams, final hidden states): a site without a sublayer after it.

    Args:
        streams: (B, T, N, D).
        pending: what is mixed in first; None for nothing.
        weights: fn (N, N·D), base (N,), scale (1,) and the norm's weight (D,).
        settings: two of them, `hc_eps` and `eps`.

    Returns:
        Mixed streams (B, T, N, D), None without `pending`; hidden states (B, T, D), normalised.
    """
    mixed = None if pending is None else mix(pending.comb, streams, pending.post, pending.output)
    entered = streams if mixed is None else mixed
    logits = project_streams(entered, weights.fn, settings.eps) * weights.scale + weights.base[:, None, None]
    collapsed = weigh(logits.sigmoid() + settings.hc_eps, entered)
    return mixed, rms_norm(collapsed, weights.norm, settings.eps)


def by_token(values: Tensor, frames: Frames) -> Tensor:
    """Return the values (B, F, L) of frames for each of their tokens, (B, T, L)."""
    parts = values.split([count for count, _ in frames], 1)
    return _joined([part.repeat_interleave(tokens, 1) for part, (_, tokens) in zip(parts, frames, strict=True)])


def modulate(hidden: Tensor, modulation: Tensor, frames: Frames) -> Tensor:
    """Return hidden · (1 + scale) + shift of hidden (B, T, D); modulation (B, F, 2·D) is scale and shift of frames."""
    factors = modulation.split([count for count, _ in frames], 1)
    tokens = hidden.split([count * each for count, each in frames], 1)
    parts = []
    for part, factor, (_, each) in zip(tokens, factors, frames, strict=True):
        scale, shift = factor[:, :, None].chunk(2, -1)
        parts.append(torch.addcmul(shift, part.unflatten(1, (-1, each)), 1 + scale).flatten(1, 2))
    return _joined(parts)


def _joined(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, 1)
