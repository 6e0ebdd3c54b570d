"""How the noise level σ conditions visual tokens: adaLN-single and zero-initialised hyper-connection shifts.

One small MLP makes scales and shifts for all layers; each layer adds a constant of its own (PixArt-α,
arXiv 2310.00426) and a linear map from the same embedding to its hyper-connection logits.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sancai.model.config import ModelConfig
from sancai.model.linear import Linear
from sancai.model.module import Module
from sancai.ops.precision import wide

NUM_FREQUENCIES = 64


class Conditioning(Protocol):
    """What the noise level changes at one site."""

    @property
    def logit_shift(self) -> Tensor | None:
        """(B, T, (2+N)N) fp32, added to the logits of the hyper-connection; None for none."""

    def modulate(self, hidden: Tensor) -> Tensor:
        """Return the sublayer's input (B, T, D) of normalised hidden (B, T, D)."""


class Unconditioned:
    """The conditioning of text: none."""

    logit_shift = None

    def modulate(self, hidden: Tensor) -> Tensor:
        """Return hidden (B, T, D) as it is."""
        return hidden


UNCONDITIONED = Unconditioned()


@dataclass(frozen=True)
class NoiseConditioning:
    """Conditioning of one site by the noise levels of F frames: scale and shift (B, F, D), n tokens a frame."""

    logit_shift: Tensor
    scale: Tensor
    shift: Tensor
    frame_tokens: int

    def modulate(self, hidden: Tensor) -> Tensor:
        """Return hidden · (1 + scale) + shift of hidden (B, F·n, D)."""
        frames = hidden.unflatten(1, (-1, self.frame_tokens))
        return torch.addcmul(self.shift[:, :, None], frames, 1 + self.scale[:, :, None]).flatten(1, 2)


@dataclass(frozen=True)
class NoiseLevel:
    """The noise levels of F frames, for all layers: embedding (B, F, D), shared modulation (B, F, 4D)."""

    embedding: Tensor
    shared: Tensor
    frame_tokens: int


class NoiseEmbedding(Module):
    """σ → embedding → the modulation that all layers share (zero at first)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim = config.hidden_size
        self.w1 = Linear(NUM_FREQUENCIES, dim, optimizer="adamw")
        self.w2 = Linear(dim, dim, optimizer="adamw")
        self.shared = Linear(dim, 4 * dim, optimizer="adamw")

    def reset_parameters(self, std: float, seed: int) -> None:
        """Start without modulation."""
        nn.init.zeros_(self.shared.weight)

    def forward(self, sigma: Tensor, frame_tokens: int, dtype: torch.dtype) -> NoiseLevel:
        """Embed sigma (B, Tv), which is constant inside each frame of `frame_tokens` tokens."""
        level = sigma.unflatten(1, (-1, frame_tokens))[..., 0]
        steps = torch.arange(NUM_FREQUENCIES // 2, device=sigma.device, dtype=torch.float32)
        phase = level[..., None] * torch.exp(steps * (math.log(200.0) / (NUM_FREQUENCIES // 2))) * math.pi
        features = torch.cat([phase.cos(), phase.sin()], -1)
        embedding = F.silu(self.w2(F.silu(self.w1(features.to(self.w1.weight.dtype)))))
        return NoiseLevel(embedding.to(dtype), self.shared(embedding).to(dtype), frame_tokens)


class LayerNoise(Module):
    """One layer's constants and hyper-connection shifts, for its attention site and its expert site."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.logits = (2 + config.hc_mult) * config.hc_mult
        self.table = nn.Parameter(torch.zeros(4 * config.hidden_size, dtype=torch.float32))
        self.shift = Linear(config.hidden_size, 2 * self.logits, optimizer="adamw")

    def reset_parameters(self, std: float, seed: int) -> None:
        """Start without any influence of the noise level."""
        nn.init.zeros_(self.shift.weight)
        nn.init.zeros_(self.table)

    def attention_site(self, level: NoiseLevel) -> NoiseConditioning:
        """Return the conditioning of the attention site."""
        return self._condition(level, 0)

    def expert_site(self, level: NoiseLevel) -> NoiseConditioning:
        """Return the conditioning of the expert site."""
        return self._condition(level, 1)

    def _condition(self, level: NoiseLevel, site: int) -> NoiseConditioning:
        embedding = wide(level.embedding)
        rows = slice(site * self.logits, (site + 1) * self.logits)
        logit_shift = F.linear(embedding, self.shift.dense(embedding.dtype)[rows])
        scale_shift = (level.shared + self.table.to(level.shared.dtype)).chunk(4, -1)
        scale, shift = scale_shift[2 * site : 2 * site + 2]
        return NoiseConditioning(logit_shift.repeat_interleave(level.frame_tokens, 1), scale, shift, level.frame_tokens)
