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
from sancai.ops.attention import MASKED
from sancai.ops.precision import wide
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
        dim = self.dim
        values, gates = _gather(slots, windows.own)
        gates = gates + self.ape
        has = windows.has_own
        if self.overlaps:
            before, before_gates = _gather(slots, windows.previous)
            values = torch.cat([before[..., :dim], values[..., dim:]], 2)
            gates = torch.cat([(before_gates + self.ape)[..., :dim], gates[..., dim:]], 2)
            has = torch.cat([windows.has_previous, has], 2)
        weights = gates.masked_fill(~has[..., None], MASKED).softmax(2)
        return self.norm((weights * values).sum(2).to(slots.values.dtype))


def _gather(slots: Slots, columns: Tensor) -> tuple[Tensor, Tensor]:
    """Return values and gates (B, E, m, width) at columns (B, E, m), in fp32."""
    index = columns.flatten(1)[..., None].expand(-1, -1, slots.values.shape[-1])
    values, gates = (wide(t).gather(1, index) for t in (slots.values, slots.gates))
    return values.unflatten(1, columns.shape[1:]), gates.unflatten(1, columns.shape[1:])
