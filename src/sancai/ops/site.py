"""One hyper-connection site as one step: what happens to the residual streams between two sublayers.

What the sublayer before gave is mixed into the streams, the streams are collapsed into the next sublayer's input, and
that is normalised and modulated by the noise level.  Joined, a kernel reads the streams once.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from sancai.ops.norm import rms_norm
from sancai.ops.roles import role
from sancai.ops.streams import HyperSettings, hyper_pre, mix
from sancai.ops.trial import Case, Draw


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
    """How the noise level enters a site.

    shift: (B, F, (2 + N)·N), added to the logits of a frame's tokens, fp32.
    modulation: (B, F, 2·D), scale and shift of a frame's normalised tokens.
    frame_tokens: T / F.
    """

    shift: Tensor
    modulation: Tensor
    frame_tokens: int


Entered = tuple[Tensor | None, Tensor, Tensor | None, Tensor, Tensor]
"""What `site` returns."""


def _cases(draw: Draw) -> list[Case]:
    """Return calls of site(streams, pending, weights, noise, settings)."""

    def case(name: str, rows: tuple[int, int, int, int], frames: int, is_first: bool = False) -> Case:
        batch, length, n, dim = rows
        logits = (2 + n) * n
        pending = weights = noise = None
        if not is_first:
            coefficients = draw.wide(n, batch, length), draw.wide(n, n, batch, length)
            pending = Pending(draw.normal(batch, length, dim), *coefficients)
        fn = draw.wide(logits, n * dim, scale=(n * dim) ** -0.5)
        weights = SiteWeights(fn, draw.wide(logits), draw.wide(3), draw.wide(dim))
        if frames:
            modulation = draw.normal(batch, frames, 2 * dim, scale=0.3)
            noise = SiteNoise(draw.wide(batch, frames, logits), modulation, length // frames)
        arguments = draw.normal(*rows), pending, weights, noise, HyperSettings(8, 1e-6, 1e-6)
        leaves = [0, *(() if is_first else (1, 2, 3))]
        first = 2 if is_first else 4
        leaves += range(first, first + 4)
        return Case(name, arguments, tuple(leaves + ([first + 4, first + 5] if frames else [])))

    if draw.is_large:
        return [case("one layer", (20, 64, 2, 256), 1) if draw.is_on_host else case("one layer", (1, 4096, 4, 4096), 1)]
    return [
        case("text", (2, 5, 4, 24), 0),
        case("noise", (1, 21, 2, 40), 3),
        case("many tokens", (2, 19, 2, 20), 1),
        case("first", (2, 5, 2, 16), 0, is_first=True),
        case("first noise", (1, 6, 4, 16), 2, is_first=True),
    ]


@role("hyper_site", _cases)
def site(
    streams: Tensor, pending: Pending | None, weights: SiteWeights, noise: SiteNoise | None, settings: HyperSettings
) -> Entered:
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
    shift = None if noise is None else noise.shift.repeat_interleave(noise.frame_tokens, 1)
    collapsed, post, comb = hyper_pre(entered, weights.fn, weights.base, weights.scale, shift, settings)
    normed = rms_norm(collapsed, weights.norm, settings.eps)
    return mixed, normed, None if noise is None else modulate(normed, noise.modulation, noise.frame_tokens), post, comb


def modulate(hidden: Tensor, modulation: Tensor, frame_tokens: int) -> Tensor:
    """Return hidden · (1 + scale) + shift; hidden (B, F·n, D), modulation (B, F, 2·D) is scale and shift."""
    scale, shift = modulation.chunk(2, -1)
    frames = hidden.unflatten(1, (-1, frame_tokens))
    return torch.addcmul(shift[:, :, None], frames, 1 + scale[:, :, None]).flatten(1, 2)
