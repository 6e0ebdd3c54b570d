"""Outer patches: places of a frame that almost no picture fills, of which training leaves most out at random.

Which tokens are there depends on their places alone, never on what a picture shows: otherwise their absence would tell
the network where the figure is.  Those that stay count for those that do not, so the loss keeps its expectation.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sancai.sequence import PartialFrames
from sancai.train.batch import Batch

CHANNELS = 4
CLEAR = -0.999
"""Alpha of a clear pixel is -1."""
MOSTLY = 0.8
"""A place is outer if it is clear in this share of all frames."""


@dataclass(frozen=True)
class OuterPatches:
    """Which patches of a frame are outer, (P,) boolean in the order of tokens; how many of them each frame keeps."""

    places: Tensor
    kept: int

    @property
    def weight(self) -> float:
        """How many outer patches each that stays counts for."""
        return int(self.places.sum()) / self.kept


def find_outer(batches: Iterable[Batch], share: float) -> OuterPatches | None:
    """Return the patches that are mostly clear in the noisy frames of batches; None if no patch is.

    share: of the outer patches, how many each frame keeps.
    """
    clear, frames = torch.zeros(0, dtype=torch.float32, device="cpu"), 0
    for batch in batches:
        if batch.clean is None or batch.weight is None:
            continue
        size = batch.packed.frame_tokens
        real = batch.weight.unflatten(1, (-1, size))[..., 0] > 0
        alpha = batch.clean.unflatten(1, (-1, size)).unflatten(-1, (-1, CHANNELS))[..., -1][real]
        found = (alpha <= CLEAR).all(-1).sum(0)
        clear, frames = found + clear if len(clear) else found, frames + len(alpha)
    places = clear >= MOSTLY * frames if frames else torch.zeros(0, dtype=torch.bool, device="cpu")
    if not places.any():
        return None
    return OuterPatches(places, max(round(share * int(places.sum())), 1))


def leave_out(batch: Batch, outer: OuterPatches, generator: torch.Generator) -> Batch:
    """Return the batch with all inner patches of its noisy frames and a random choice of the outer ones."""
    if batch.clean is None or batch.weight is None or batch.sigma is None:
        return batch
    rows, frames = batch.clean.shape[0], batch.clean.shape[1] // batch.packed.frame_tokens
    columns = _columns(outer, rows, frames, generator)
    partial = PartialFrames(columns, batch.clean, int((~outer.places).sum()) + outer.kept)
    counts = torch.where(outer.places, outer.weight, 1.0).repeat(frames)
    return replace(
        batch,
        packed=batch.packed.keep(partial),
        clean=partial.take(batch.clean),
        sigma=partial.take(batch.sigma),
        weight=partial.take(batch.weight * counts),
    )


def _columns(outer: OuterPatches, rows: int, frames: int, generator: torch.Generator) -> Tensor:
    """Draw the columns that stay, (B, F · patches), in their order."""
    size = len(outer.places)
    drawn = torch.rand(rows, frames, size, generator=generator, device="cpu", dtype=torch.float32)
    rank = drawn.masked_fill(~outer.places, -1.0).argsort(-1)
    kept = rank[..., : size - int(outer.places.sum()) + outer.kept].sort(-1).values
    return (kept + size * torch.arange(frames, device="cpu", dtype=torch.int64)[:, None]).flatten(1)
