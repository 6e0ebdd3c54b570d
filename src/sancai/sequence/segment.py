"""What a request or a training sample is made of: text and visual blocks, in order.

    document = [Text(ids), Block(latents, times=(0,)), Text(ids), Block(latents, times=range(8), sigma=0.7)]

A block is one or more frames of latents that attend to each other in both directions.  A *committed*
block is clean and is read by everything after it; a *noisy* one reads and is read by nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Text:
    """A run of text tokens."""

    ids: Sequence[int]
    learn: Sequence[bool] = field(default=())
    """Which tokens the language loss predicts; empty means none."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """Frames of one picture or clip: latents (F, Y, X, C) at one noise level."""

    latents: np.ndarray
    times: Sequence[float]
    """Time coordinate of each frame, in reference frames from the block's start."""
    sigma: float = 0.0
    """Noise level: 1 is noise, 0 is data."""
    committed: bool = False
    advance: float | None = None
    """How far the running position moves when committed; None means one step a frame."""

    @property
    def num_tokens(self) -> int:
        frames, rows, columns, _ = self.latents.shape
        return frames * rows * columns


Segment = Text | Block
Document = Sequence[Segment]
