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
from sancai.ops.precision import upcast

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

    def attn_modulation(self, noise: NoiseModulation) -> tuple[Tensor, Tensor, int]:
        """Return scale and shift (B, F, D) before attention, and the tokens a frame."""
        return self._chunk(noise, 0)

    def ffn_modulation(self, noise: NoiseModulation) -> tuple[Tensor, Tensor, int]:
        """Return scale and shift (B, F, D) before the experts, and the tokens a frame."""
        return self._chunk(noise, 2)

    def attn_shift(self, noise: NoiseModulation) -> Tensor:
        """Return the shift (B, Tv, (2+N)N) of the attention site's logits, fp32."""
        return self._shift(noise, slice(0, self.logits))

    def ffn_shift(self, noise: NoiseModulation) -> Tensor:
        """Return the shift (B, Tv, (2+N)N) of the expert site's logits, fp32."""
        return self._shift(noise, slice(self.logits, None))

    def _chunk(self, noise: NoiseModulation, first: int) -> tuple[Tensor, Tensor, int]:
        parts = (noise.shared + self.table.to(noise.shared.dtype)).chunk(4, -1)
        return parts[first], parts[first + 1], noise.frame_tokens

    def _shift(self, noise: NoiseModulation, part: slice) -> Tensor:
        embedding = upcast(noise.embedding)
        shift = F.linear(embedding, self.shift.dense(embedding.dtype)[part])
        return shift.repeat_interleave(noise.frame_tokens, 1)


def modulate(hidden: Tensor, scale: Tensor, shift: Tensor, frame_tokens: int) -> Tensor:
    """Return hidden · (1 + scale) + shift; hidden (B, F·n, D), scale and shift (B, F, D)."""
    frames = hidden.unflatten(1, (-1, frame_tokens))
    return torch.addcmul(shift[:, :, None], frames, 1 + scale[:, :, None]).flatten(1, 2)
