"""PixelCodec: latents are the pixels themselves, 8×8 patches of premultiplied RGBA in [-1, 1].

Every frame is coded alone, so the first k frames code to a prefix, and an image is a one-frame video.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sancai.errors import RequestError

CLEAR, SOLID = 0.08, 0.75
"""Alpha below CLEAR becomes 0 and above SOLID becomes 1: pixel art has hard edges."""


@dataclass(frozen=True)
class PixelCodec:
    """Pictures (F, H, W, 4) uint8 straight alpha ↔ latents (F, H/side, W/side, side·side·4)."""

    side: int = 8
    bound: ClassVar[float] = 1.0
    """Largest magnitude of a latent."""

    @property
    def channels(self) -> int:
        return self.side * self.side * 4

    def encode(self, pictures: np.ndarray) -> np.ndarray:
        """Return latents in fp32."""
        _, height, width, _ = pictures.shape
        if height % self.side or width % self.side:
            raise RequestError(
                f"a picture of {width}×{height} does not divide into {self.side}×{self.side} patches; "
                f"use a width and height that are multiples of {self.side}"
            )
        unit = pictures.astype(np.float32) / 255
        unit[..., :3] *= unit[..., 3:]
        return self._to_patches(unit * 2 - 1)

    def decode(self, latents: np.ndarray, harden_alpha: bool = True) -> np.ndarray:
        """Return pictures; `harden_alpha` hardens the edges of the alpha channel."""
        unit = np.clip((self._to_pictures(latents) + 1) / 2, 0, 1)
        alpha = unit[..., 3:]
        color = np.clip(unit[..., :3] / np.maximum(alpha, 1e-3), 0, 1)
        if harden_alpha:
            alpha = np.where(alpha < CLEAR, 0.0, np.where(alpha > SOLID, 1.0, alpha))
        color = np.where(alpha > 0, color, 0.0)
        return (np.concatenate([color, alpha], -1) * 255).round().astype(np.uint8)

    def _to_patches(self, pictures: np.ndarray) -> np.ndarray:
        frames, height, width, channels = pictures.shape
        s = self.side
        grid = pictures.reshape(frames, height // s, s, width // s, s, channels)
        return grid.transpose(0, 1, 3, 2, 4, 5).reshape(frames, height // s, width // s, -1)

    def _to_pictures(self, latents: np.ndarray) -> np.ndarray:
        frames, rows, columns, _ = latents.shape
        s = self.side
        grid = latents.reshape(frames, rows, columns, s, s, -1).transpose(0, 1, 3, 2, 4, 5)
        return grid.reshape(frames, rows * s, columns * s, -1)
