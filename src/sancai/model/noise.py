"""How the noise level σ conditions visual tokens: adaLN-single and zero-initialised hyper-connection shifts.

One small MLP makes scales and shifts for all layers; each layer adds a constant of its own (PixArt-α,
arXiv 2310.00426) and a linear map from the same embedding to its hyper-connection logits.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sancai.model.config import ModelConfig
from sancai.model.linear import Linear
from sancai.model.module import Module
from sancai.ops.precision import upcast
from sancai.ops.site import Frames, SiteNoise

NUM_FREQUENCIES = 64


@dataclass(frozen=True)
class NoiseLevel:
    """The noise levels of F frames, for all layers: embedding (B, F, D), shared modulation (B, F, 4D)."""

    embedding: Tensor
    shared: Tensor
    frames: Frames


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

    def forward(self, sigma: Tensor, frames: Frames, dtype: torch.dtype) -> NoiseLevel:
        """Embed sigma (B, Tv), which is constant inside each frame."""
        runs = sigma.split([count * tokens for count, tokens in frames], 1)
        level = torch.cat([run[:, ::tokens] for run, (_, tokens) in zip(runs, frames, strict=True)], 1)
        steps = torch.arange(NUM_FREQUENCIES // 2, device=sigma.device, dtype=torch.float32)
        phase = level[..., None] * torch.exp(steps * (math.log(200.0) / (NUM_FREQUENCIES // 2))) * math.pi
        features = torch.cat([phase.cos(), phase.sin()], -1)
        embedding = F.silu(self.w2(F.silu(self.w1(features.to(self.w1.weight.dtype)))))
        return NoiseLevel(embedding.to(dtype), self.shared(embedding).to(dtype), frames)


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

    def attention_site(self, level: NoiseLevel) -> SiteNoise:
        """Return the conditioning of the attention site."""
        return self._condition(level, 0)

    def expert_site(self, level: NoiseLevel) -> SiteNoise:
        """Return the conditioning of the expert site."""
        return self._condition(level, 1)

    def _condition(self, level: NoiseLevel, site: int) -> SiteNoise:
        embedding = upcast(level.embedding)
        rows = slice(site * self.logits, (site + 1) * self.logits)
        logit_shift = F.linear(embedding, self.shift.dense(embedding.dtype)[rows])
        modulation = (level.shared + self.table.to(level.shared.dtype)).chunk(2, -1)[site]
        return SiteNoise(logit_shift, modulation, level.frames)
