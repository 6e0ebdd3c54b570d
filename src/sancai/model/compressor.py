"""Compressors: learned pooling of token windows into cache entries (CSA and HCA).

DeepSeek-V4 report section 2.3.  Every channel has its own softmax over the slots of a window.  CSA
(ratio 4) overlaps: an entry pools the previous window through the first half of the channels and its
own window through the second half.  HCA pools its own window only.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sancai.model.config import ModelConfig
from sancai.model.linear import Linear, RMSNorm
from sancai.ops.compress import compress
from sancai.sequence import Windows

CSA_RATIO = 4


@dataclass(frozen=True)
class Slots:
    """Values and gates (B, T, width) of tokens before pooling: what a cache keeps of an open window."""

    values: Tensor
    gates: Tensor

    @staticmethod
    def cat(first: "Slots | None", second: "Slots") -> "Slots":
        """Join along the token dimension."""
        if first is None:
            return second
        return Slots(torch.cat([first.values, second.values], 1), torch.cat([first.gates, second.gates], 1))

    def take(self, columns: Tensor) -> "Slots":
        """Keep some columns."""
        return Slots(self.values[:, columns], self.gates[:, columns])

    def repeat(self, times: int) -> "Slots":
        """Repeat every row."""
        return Slots(self.values.repeat_interleave(times, 0), self.gates.repeat_interleave(times, 0))


class Compressor(nn.Module):
    """Windows of `ratio` tokens → entries of `dim` channels (without rotary positions)."""

    def __init__(self, config: ModelConfig, ratio: int, dim: int) -> None:
        super().__init__()
        self.ratio, self.dim, self.overlaps = ratio, dim, ratio == CSA_RATIO
        width = dim * (2 if self.overlaps else 1)
        self.wkv, self.wgate = Linear(config.hidden_size, width), Linear(config.hidden_size, width)
        self.ape = nn.Parameter(torch.zeros(ratio, width, dtype=torch.float32))
        self.norm = RMSNorm(dim, config.rms_norm_eps)

    def slots(self, hidden: Tensor) -> Slots:
        """Return values and gates (B, T, width) of hidden (B, T, D)."""
        return Slots(self.wkv(hidden), self.wgate(hidden))

    def pool(self, slots: Slots, windows: Windows) -> Tensor:
        """Return the entries (B, E, dim) of all windows."""
        previous = (windows.previous, windows.has_previous) if self.overlaps else None
        own = windows.own, windows.has_own
        return self.norm(compress(slots.values, slots.gates, self.ape, own, previous))
