"""How the noise level σ enters: adaLN-single and zero-initialised hyper-connection shifts.

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
from sancai.ops.precision import wide
from sancai.ops.site import SiteNoise

NUM_FREQUENCIES = 64


@dataclass(frozen=True)
class NoiseModulation:
    """Per frame: embedding (B, F, D) and shared modulation (B, F, 4D); tokens a frame n."""

    embedding: Tensor
    shared: Tensor
    frame_tokens: int


class NoiseEmbedding(nn.Module):
    """σ → embedding → the modulation that all layers share (zero at the start)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim = config.hidden_size
        self.w1, self.w2 = Linear(NUM_FREQUENCIES, dim), Linear(dim, dim)
        self.shared = Linear(dim, 4 * dim)

    def forward(self, sigma: Tensor, frame_tokens: int, dtype: torch.dtype) -> NoiseModulation:
        """Return the modulation for sigma (B, Tv), constant inside each frame."""
        level = sigma.unflatten(1, (-1, frame_tokens))[..., 0]
        steps = torch.arange(NUM_FREQUENCIES // 2, device=sigma.device, dtype=torch.float32)
        turn = level[..., None] * torch.exp(steps * (math.log(200.0) / (NUM_FREQUENCIES // 2))) * math.pi
        features = torch.cat([turn.cos(), turn.sin()], -1)
        embedding = F.silu(self.w2(F.silu(self.w1(features.to(self.w1.weight.dtype)))))
        return NoiseModulation(embedding.to(dtype), self.shared(embedding).to(dtype), frame_tokens)


class LayerNoise(nn.Module):
    """One layer's constants and hyper-connection shifts."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.logits = (2 + config.hc_mult) * config.hc_mult
        self.table = nn.Parameter(torch.zeros(4 * config.hidden_size, dtype=torch.float32))
        self.shift = Linear(config.hidden_size, 2 * self.logits)

    def at(self, sublayer: str, noise: NoiseModulation) -> SiteNoise:
        """Return how the noise level enters the site before `attn` or `ffn`."""
        number = ("attn", "ffn").index(sublayer)
        modulation = (noise.shared + self.table.to(noise.shared.dtype)).chunk(2, -1)[number]
        return SiteNoise(self._shift(noise, number), modulation, noise.frame_tokens)

    def _shift(self, noise: NoiseModulation, number: int) -> Tensor:
        """Return the shift (B, F, (2+N)N) of a site's logits, fp32."""
        embedding = wide(noise.embedding)
        part = slice(number * self.logits, (number + 1) * self.logits)
        return F.linear(embedding, self.shift.dense(embedding.dtype)[part])
