"""Noisy frames of which only some tokens are there: what is left out of training, and where."""

from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from sancai.device.transfer import to_device
from sancai.sequence.meta import TokenMeta


@dataclass(frozen=True)
class PartialFrames:
    """Which noisy tokens of whole frames are there, and what the whole frames hold.

    columns: (B, Tk) int64, among the columns of whole frames, in their order; every frame keeps equally many.
    latents: (B, Tn, C), clean latents of the whole frames: the surroundings of the tokens that are there.
    frame_tokens: tokens that a frame keeps.
    """

    columns: Tensor
    latents: Tensor
    frame_tokens: int

    def take(self, values: Tensor) -> Tensor:
        """Return what is there, (B, Tk, …), of values (B, Tn, …) of whole frames."""
        index = self.columns.view(*self.columns.shape, *([1] * (values.dim() - 2)))
        return values.gather(1, index.expand(-1, -1, *values.shape[2:]))

    def fill(self, tokens: Tensor) -> Tensor:
        """Return whole frames (B, Tn, C): tokens (B, Tk, C) where they are, clean latents elsewhere."""
        index = self.columns[..., None].expand_as(tokens)
        return self.latents.to(tokens.dtype).scatter(1, index, tokens)

    def take_meta(self, tokens: TokenMeta) -> TokenMeta:
        """Return the facts of the tokens that are there."""
        return TokenMeta(*(self.take(getattr(tokens, f.name)) for f in fields(TokenMeta)))

    def rows(self, part: slice) -> "PartialFrames":
        """Return some of the rows."""
        return replace(self, columns=self.columns[part], latents=self.latents[part])

    def to(self, device: torch.device) -> "PartialFrames":
        """Move to a device."""
        moved: dict[str, Any] = {n: to_device(getattr(self, n), device) for n in ("columns", "latents")}
        return replace(self, **moved)
