"""Picture files ↔ RGBA arrays."""

import io
import pathlib
from typing import IO

import numpy as np
from PIL import Image, ImageFilter, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from sancai.errors import MediaError
from sancai.files import is_lfs_pointer, lfs_message

LARGEST_SIDE = 4096


def read_picture(path: str | pathlib.Path, side: int = 64) -> np.ndarray:
    """Return the first frame of a picture file as uint8 RGBA (side, side, 4).

    Pictures that are a whole multiple of `side` (pixel art shown enlarged) are brought back to it; smaller
    ones are centred on a clear canvas.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise MediaError(f"no picture at {path}; give the path of a PNG, GIF, WebP or JPEG file")
    if is_lfs_pointer(path):
        raise MediaError(lfs_message(path))
    try:
        with path.open("rb") as file:
            pixels = decode_picture(file, str(path))
    except OSError as error:
        raise MediaError(f"{path} cannot be read ({error.strerror}); check the path") from error
    return fit(pixels, side, str(path))


def decode_picture(file: IO[bytes], name: str) -> np.ndarray:
    """Return the first frame of an open picture file as uint8 RGBA (H, W, 4).

    Raises:
        MediaError: it is no picture, or too large.
    """
    try:
        with Image.open(file) as image:
            if max(image.size) > LARGEST_SIDE:
                raise MediaError(f"{name} is {image.width}×{image.height}; at most {LARGEST_SIDE} a side are read")
            image.seek(0)
            return np.array(_eight_bits(image).convert("RGBA"))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        reason = "unknown format" if isinstance(error, UnidentifiedImageError) else error
        raise MediaError(f"{name} is not a picture ({reason}); expected PNG, GIF, WebP or JPEG") from error


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return 16-bit grey as 8-bit grey; Pillow's own conversion would cut it off at 255."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.array(image).clip(0, 65535) >> 8).astype(np.uint8), "L")


def fit(pixels: np.ndarray, side: int, name: str) -> np.ndarray:
    """Return pixels (H, W, 4) on a side × side canvas, without blurring."""
    height, width = pixels.shape[:2]
    if height == width and height % side == 0:
        step = height // side
        return np.ascontiguousarray(pixels[step // 2 :: step, step // 2 :: step])
    if height > side or width > side:
        raise MediaError(
            f"{name} is {width}×{height}; this model reads {side}×{side} sprites: crop it to {side}×{side} "
            f"(or a whole multiple, such as {2 * side}×{2 * side})"
        )
    canvas = np.zeros((side, side, 4), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    canvas[top : top + height, left : left + width] = pixels
    return canvas


def enlarge(frames: np.ndarray, scale: int) -> np.ndarray:
    """Return frames (F, H, W, 4) with every pixel as a scale × scale square."""
    return frames.repeat(scale, 1).repeat(scale, 2)


def blur(pixels: np.ndarray, radius: float) -> np.ndarray:
    """Return pixels (H, W, 4) under a Gaussian of `radius` pixels."""
    return np.array(Image.fromarray(pixels, "RGBA").filter(ImageFilter.GaussianBlur(radius)))


def png_bytes(pixels: np.ndarray, parameters: str | None = None) -> bytes:
    """Return a PNG of pixels (H, W, 4); `parameters` goes into its text chunk `sancai`."""
    buffer = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(buffer, "PNG", pnginfo=png_info(parameters))
    return buffer.getvalue()


def read_png(path: pathlib.Path) -> tuple[np.ndarray, str | None]:
    """Return the pixels (H, W, 4) of a PNG file of any size, and what `png_bytes` wrote beside them.

    Raises:
        MediaError: it is not a PNG file.
    """
    try:
        with Image.open(path, formats=["PNG"]) as image:
            pixels = np.array(image.convert("RGBA"))
            return pixels, image.info.get("sancai")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise MediaError(f"{path} is not a PNG file ({error}); remove it to have it drawn again") from error


def png_info(parameters: str | None) -> PngInfo:
    """Return the text chunks of a PNG file."""
    info = PngInfo()
    if parameters:
        info.add_itxt("sancai", parameters)
    return info
