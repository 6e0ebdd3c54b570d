"""Fewer, exact colours: what makes pixel art crisp."""

import numpy as np
from PIL import Image

from sancai.errors import RequestError

MAX_COLORS = 255
OPAQUE_FROM = 128
"""Smallest alpha that counts as opaque where alpha becomes hard."""


def harden_alpha(frames: np.ndarray) -> np.ndarray:
    """Return frames (F, H, W, 4) whose pixels are either opaque or clear (0, 0, 0, 0), as pixel art is."""
    out = frames.copy()
    opaque = frames[..., 3] >= OPAQUE_FROM
    out[opaque, 3] = 255
    out[~opaque] = 0
    return out


def count_colors(frames: np.ndarray) -> int:
    """Return the number of distinct RGBA values of the visible pixels of frames (..., 4)."""
    return len(np.unique(frames[frames[..., 3] > 0], axis=0))


def snap(frames: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """Return frames (F, H, W, 4) with hard alpha whose opaque pixels take the nearest of colors (N, 3) uint8."""
    out = harden_alpha(frames)
    visible = out[..., 3] > 0
    pixels, inverse = np.unique(out[visible][:, :3], axis=0, return_inverse=True)
    palette = colors.astype(np.int32)
    nearest = np.array([((palette - p) ** 2).sum(1).argmin() for p in pixels.astype(np.int32)], np.int64)
    if len(pixels):
        out[visible, :3] = colors[nearest[inverse.ravel()]]
    return out


def reduce(frames: np.ndarray, count: int) -> np.ndarray:
    """Return frames (F, H, W, 4) with hard alpha and at most `count` opaque colours, the same in all frames."""
    if not 2 <= count <= MAX_COLORS:
        raise RequestError(f"a palette of {count} colours; choose 2 to {MAX_COLORS}, or `known`")
    out = harden_alpha(frames)
    visible = out[..., 3] > 0
    if not visible.any():
        return out
    line = Image.fromarray(np.ascontiguousarray(out[visible][None, :, :3]), "RGB")
    table = np.array(line.quantize(count, dither=Image.Dither.NONE).convert("RGB"))[0]
    out[visible, :3] = table
    return out
