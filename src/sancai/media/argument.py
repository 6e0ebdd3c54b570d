"""Picture arguments: whatever a program holds a picture in → an RGBA array of the model's frame size."""

import io
import os
import pathlib
from typing import Any, Protocol, TypeGuard

import numpy as np
from PIL import Image

from sancai.errors import MediaError
from sancai.media.picture import decode_picture, fit, read_picture


class HasFrames(Protocol):
    """A clip: frames (F, H, W, 4) uint8."""

    @property
    def frames(self) -> np.ndarray: ...


PictureLike = str | os.PathLike[str] | bytes | np.ndarray | Image.Image | HasFrames
"""Path, contents of a picture file, array, PIL image, or a clip (whose first frame counts)."""
EXPECTED = (
    "expected a path, the bytes of a picture file, a PIL image, a clip of Sancai's, or an array (H, W, 3) or (H, W, 4) "
    "of uint8, or of floats from 0 to 1"
)


def to_picture(value: PictureLike, side: int, name: str = "picture") -> np.ndarray:
    """Return a picture as uint8 RGBA (side, side, 4), fitted as `read_picture` does.

    Args:
        name: what to call it in errors.

    Raises:
        MediaError: it is no picture, or of a size that cannot be fitted.
    """
    if isinstance(value, str | os.PathLike):
        return read_picture(pathlib.Path(value), side)
    if isinstance(value, bytes | bytearray | memoryview):
        return fit(decode_picture(io.BytesIO(value), name), side, name)
    if isinstance(value, Image.Image):
        return fit(np.array(value.convert("RGBA")), side, name)
    frames = getattr(value, "frames", None)
    if isinstance(frames, np.ndarray):
        return fit(_as_rgba(frames[0], name), side, name)
    if isinstance(value, np.ndarray):
        return fit(_as_rgba(value, name), side, name)
    raise MediaError(f"{name} is of type {type(value).__name__}; {EXPECTED}")


def _as_rgba(pixels: np.ndarray, name: str) -> np.ndarray:
    """Return an array (H, W, 3 or 4), uint8 or floats from 0 to 1, as uint8 RGBA (H, W, 4)."""
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or 0 in pixels.shape:
        raise MediaError(f"{name} is an array of shape {pixels.shape}; {EXPECTED}")
    if np.issubdtype(pixels.dtype, np.floating):
        pixels = _eight_bits(pixels, name)
    elif pixels.dtype != np.uint8:
        raise MediaError(f"{name} is an array of {pixels.dtype}; {EXPECTED}")
    if pixels.shape[2] == 3:
        pixels = np.concatenate([pixels, np.full_like(pixels[..., :1], 255)], 2)
    return np.ascontiguousarray(pixels)


def _eight_bits(pixels: np.ndarray, name: str) -> np.ndarray:
    """Return floats from 0 to 1 as uint8."""
    low, high = float(pixels.min()), float(pixels.max())
    if not (low >= 0 and high <= 1):  # also false for NaN
        raise MediaError(f"{name} holds floats from {low:g} to {high:g}; floats must lie between 0 and 1")
    return (pixels * 255).round().astype(np.uint8)


def is_picture(value: Any) -> TypeGuard[PictureLike]:
    """Return whether a value is one picture argument, as opposed to a list of them."""
    return isinstance(value, str | os.PathLike | bytes | bytearray | memoryview | np.ndarray | Image.Image) or hasattr(
        value, "frames"
    )
