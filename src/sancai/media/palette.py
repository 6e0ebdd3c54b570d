"""Fewer, exact colours: what makes pixel art crisp."""

import numpy as np
from PIL import Image

from sancai.errors import RequestError

MOST_COLORS = 255


def snap(frames: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """Return frames (F, H, W, 4) whose visible pixels take the nearest of colors (N, 3) uint8."""
    out = frames.copy()
    visible = frames[..., 3] > 0
    pixels, inverse = np.unique(frames[visible][:, :3], axis=0, return_inverse=True)
    palette = colors.astype(np.int32)
    nearest = np.array([((palette - p) ** 2).sum(1).argmin() for p in pixels.astype(np.int32)], np.int64)
    if len(pixels):
        out[visible, :3] = colors[nearest[inverse.ravel()]]
    return out


def reduce(frames: np.ndarray, count: int) -> np.ndarray:
    """Return frames with at most `count` colours, the same in all frames."""
    if not 2 <= count <= MOST_COLORS:
        raise RequestError(f"a palette of {count} colours; choose 2 to {MOST_COLORS}, or `known`")
    visible = frames[..., 3] > 0
    if not visible.any():
        return frames
    line = Image.fromarray(np.ascontiguousarray(frames[visible][None, :, :3]), "RGB")
    table = np.array(line.quantize(count, dither=Image.Dither.NONE).convert("RGB"))[0]
    out = frames.copy()
    out[visible, :3] = table
    return out
