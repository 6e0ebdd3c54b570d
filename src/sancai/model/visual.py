"""What only visual tokens pass: patches → streams, the visual half of each layer, streams → predicted latents."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sancai.model.config import ModelConfig, VisualConfig
from sancai.model.decoder_layer import VisualLayer
from sancai.model.hyper_connection import HyperHead
from sancai.model.linear import Linear, RMSNorm
from sancai.model.module import Module
from sancai.model.noise import NoiseEmbedding
from sancai.model.site import Residual
from sancai.ops.precision import upcast
from sancai.sequence import PartialFrames, frames_to_tokens, tokens_to_frames

NUM_BANDS = 4
CONV_CHANNELS = 8


class PatchEmbedding(Module):
    """Latents and places in the block → residual streams."""

    fp32 = ("stream_scale",)

    def __init__(self, config: ModelConfig, visual: VisualConfig) -> None:
        super().__init__()
        self.max_times = visual.max_times
        self.proj = Linear(visual.latent_channels, config.hidden_size, optimizer="adamw")
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.place = Linear(3 * 2 * NUM_BANDS, config.hidden_size, optimizer="adamw")
        self.stream_scale = nn.Parameter(torch.ones(config.hc_mult, 1, dtype=torch.float32))

    def reset_parameters(self, std: float, seed: int) -> None:
        """Start with equal streams."""
        nn.init.ones_(self.stream_scale)

    def forward(self, latents: Tensor, grid: Tensor, dtype: torch.dtype) -> Tensor:
        """Return streams (B, T, N, D) of latents (B, T, C) at relative row, column and time `grid` (B, T, 3)."""
        hidden = self.norm(self.proj(latents.to(dtype))) + self.place(self._features(grid).to(dtype))
        return hidden[:, :, None] * self.stream_scale.to(dtype)

    def _features(self, grid: Tensor) -> Tensor:
        """Return waves of the relative row, column and time, (B, T, 3 · 2 · bands)."""
        unit = torch.stack([grid[..., 0], grid[..., 1], grid[..., 2] / self.max_times], -1)
        bands = math.pi * 2.0 ** torch.arange(NUM_BANDS, device=grid.device, dtype=torch.float32)
        phase = unit[..., None] * bands
        return torch.cat([phase.cos(), phase.sin()], -1).flatten(-2)


class LatentHead(Module):
    """Streams of whole frames → predicted latents, with a small convolution across the patches of a frame."""

    def __init__(self, config: ModelConfig, visual: VisualConfig) -> None:
        super().__init__()
        self.side = visual.pixel_shuffle
        channels = visual.latent_channels // self.side**2
        self.hc_head = HyperHead(config)
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.proj = Linear(config.hidden_size, visual.latent_channels, optimizer="adamw")
        self.conv_in = nn.Conv2d(channels, CONV_CHANNELS, 3, padding=1, dtype=torch.float32)
        self.conv_out = nn.Conv2d(CONV_CHANNELS, channels, 3, padding=1, dtype=torch.float32)

    def reset_parameters(self, std: float, seed: int) -> None:
        """Start without the convolutions."""
        nn.init.zeros_(self.conv_out.weight)
        for bias in (self.conv_in.bias, self.conv_out.bias):
            if bias is not None:
                nn.init.zeros_(bias)

    def forward(self, residual: Residual, frame: tuple[int, int], partial: PartialFrames | None = None) -> Tensor:
        """Return clean latents (B, T, C) fp32 of T tokens; `frame` is (rows, columns) of tokens.

        partial: where the tokens are in their frames; None if frames are whole.
        """
        hidden, _ = residual.collapse(self.hc_head, self.norm)
        flat = self.proj(hidden)
        flat = flat if partial is None else partial.fill(flat)
        picture = tokens_to_pixels(flat, frame, self.side)
        edges = _convolve(self.conv_out, F.silu(_convolve(self.conv_in, picture)))
        tokens = pixels_to_tokens(picture + edges, flat.shape[0], self.side)
        return upcast(tokens if partial is None else partial.take(tokens))


def _convolve(conv: nn.Conv2d, picture: Tensor) -> Tensor:
    """Apply a 3×3 convolution in the picture's dtype."""
    bias = None if conv.bias is None else conv.bias.to(picture.dtype)
    return F.conv2d(picture, conv.weight.to(picture.dtype), bias, padding=1)


def tokens_to_pixels(tokens: Tensor, frame: tuple[int, int], side: int) -> Tensor:
    """Return pictures (B·F, c, Y·side, X·side) of tokens (B, F·Y·X, side·side·c).

    Channels lie last in memory: convolutions with few channels are several times faster so.
    """
    rows, columns = frame
    frames = tokens_to_frames(tokens, frame)
    grid = frames.view(-1, rows, columns, side, side, tokens.shape[-1] // side**2)
    pixels = grid.permute(0, 1, 3, 2, 4, 5).reshape(len(frames), rows * side, columns * side, -1)
    return pixels.permute(0, 3, 1, 2)


def pixels_to_tokens(pictures: Tensor, batch: int, side: int) -> Tensor:
    """Undo `tokens_to_pixels`: return tokens (B, F·Y·X, side·side·c) of pictures (B·F, c, Y·side, X·side)."""
    count, channels, height, width = pictures.shape
    rows, columns = height // side, width // side
    grid = pictures.permute(0, 2, 3, 1).reshape(count, rows, side, columns, side, channels).transpose(2, 3)
    return frames_to_tokens(grid.reshape(count, rows, columns, -1), batch)


class Visual(Module):
    """All modules that only visual tokens use."""

    def __init__(self, config: ModelConfig, visual: VisualConfig) -> None:
        super().__init__()
        self.embed = PatchEmbedding(config, visual)
        self.noise = NoiseEmbedding(config)
        ratios = config.compress_ratios[: config.num_hidden_layers]
        self.layers = nn.ModuleList(VisualLayer(config, r, f"visual.{i}") for i, r in enumerate(ratios))
        self.head = LatentHead(config, visual)
