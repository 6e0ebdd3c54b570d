"""Compressors: learned pooling of windows of tokens into cache entries (CSA and HCA).

DeepSeek-V4 report section 2.3.  Every channel has its own softmax over the tokens of a window.  CSA
(ratio 4) overlaps: an entry pools the previous window through the first half of the channels and its
own window through the second half.  HCA pools its own window only.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sancai.model.config import ModelConfig
from sancai.model.linear import Linear, RMSNorm
from sancai.model.module import Module
from sancai.ops.compress import compress
from sancai.ops.norm_rope import norm_rope
from sancai.sequence import CompressionWindows

CSA_RATIO = 4


@dataclass(frozen=True)
class WindowBuffer:
    """Values and gates (B, T, W) of tokens before pooling: what a cache keeps of windows that are still open."""

    values: Tensor
    gates: Tensor

    @staticmethod
    def cat(first: "WindowBuffer | None", second: "WindowBuffer") -> "WindowBuffer":
        """Join along the token dimension."""
        if first is None:
            return second
        return WindowBuffer(torch.cat([first.values, second.values], 1), torch.cat([first.gates, second.gates], 1))

    def take(self, columns: Tensor) -> "WindowBuffer":
        """Keep some columns."""
        return WindowBuffer(self.values[:, columns], self.gates[:, columns])

    def repeat(self, times: int) -> "WindowBuffer":
        """Repeat every row."""
        return WindowBuffer(self.values.repeat_interleave(times, 0), self.gates.repeat_interleave(times, 0))


@dataclass(frozen=True)
class Entries:
    """What one compressor has made so far: values (B, M, K), and the tokens of text windows that are still open."""

    values: Tensor
    open_window: WindowBuffer | None = None

    def take(self, entries: Tensor, tokens: Tensor) -> "Entries":
        """Keep some entries, and some tokens of the open windows."""
        return Entries(self.values[:, entries], None if self.open_window is None else self.open_window.take(tokens))

    def repeat(self, times: int) -> "Entries":
        """Repeat every row."""
        window = None if self.open_window is None else self.open_window.repeat(times)
        return Entries(self.values.repeat_interleave(times, 0), window)

    @property
    def tensors(self) -> list[Tensor]:
        """All tensors that are held."""
        window = self.open_window
        return [self.values] if window is None else [self.values, window.values, window.gates]


class Compressor(Module):
    """Windows of `ratio` tokens → entries of `dim` channels.  `ape` is the gates' bias by place in the window."""

    fp32 = ("ape",)

    def __init__(self, config: ModelConfig, ratio: int, dim: int) -> None:
        super().__init__()
        self.ratio, self.dim, self.overlaps = ratio, dim, ratio == CSA_RATIO
        width = dim * (2 if self.overlaps else 1)
        self.wkv, self.wgate = Linear(config.hidden_size, width), Linear(config.hidden_size, width)
        self.ape = nn.Parameter(torch.zeros(ratio, width, dtype=torch.float32))
        self.norm = RMSNorm(dim, config.rms_norm_eps)

    def initial_std(self, name: str, parameter: Tensor) -> float | None:
        """Return None: `ape` (m, W) stays at zero."""
        return None

    def project(self, hidden: Tensor) -> WindowBuffer:
        """Return values and gates (B, T, W) of hidden (B, T, D); W is K, or 2K with overlap."""
        return WindowBuffer(self.wkv(hidden), self.wgate(hidden))

    def pool(self, tokens: WindowBuffer, windows: CompressionWindows, rope: tuple[Tensor, Tensor]) -> Tensor:
        """Return one entry a window, (B, M, K), rotated to its position by `rope`: cos and sin (B, M, R/2)."""
        previous = (windows.previous, windows.has_previous) if self.overlaps else None
        own = windows.own, windows.has_own
        pooled = compress(tokens.values, tokens.gates, self.ape, own, previous)
        return norm_rope(pooled, self.norm.weight, *rope, self.norm.eps)
