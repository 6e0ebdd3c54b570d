"""Whatever a program holds a picture in becomes the same pixels, and anything else is refused by name."""

import io
import pathlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sancai.engine import Clip
from sancai.errors import MediaError
from sancai.media import is_picture, to_picture

SIDE = 16


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 4), dtype=np.uint8)


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(buffer, "PNG")
    return buffer.getvalue()


def test_every_kind_of_argument_gives_the_same_pixels(pixels: np.ndarray, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(pixels))
    clip = Clip(np.stack([pixels, pixels[::-1]]))
    for value in (path, str(path), png(pixels), bytearray(png(pixels)), Image.open(path), pixels, pixels / 255, clip,
                  (pixels / 255).astype(np.float32)):  # fmt: skip
        assert is_picture(value)
        assert np.array_equal(to_picture(value, SIDE), pixels), type(value)


def test_rgb_is_opaque_and_other_sizes_are_fitted(pixels: np.ndarray) -> None:
    opaque = np.concatenate([pixels[..., :3], np.full_like(pixels[..., :1], 255)], 2)
    for value in (pixels[..., :3], pixels[..., :3] / 255, Image.fromarray(pixels[..., :3], "RGB")):
        assert np.array_equal(to_picture(value, SIDE), opaque)
    assert np.array_equal(to_picture(pixels.repeat(3, 0).repeat(3, 1), SIDE), pixels)
    small = to_picture(pixels[:8, :8], SIDE)
    assert np.array_equal(small[4:12, 4:12], pixels[:8, :8]) and not small[:4].any()


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "NoneType"),
        (3, "int"),
        (np.zeros((SIDE, SIDE)), "shape (16, 16)"),
        (np.zeros((SIDE, SIDE, 2), np.uint8), "shape (16, 16, 2)"),
        (np.zeros((2, SIDE, SIDE, 4), np.uint8), "shape (2, 16, 16, 4)"),
        (np.zeros((SIDE, SIDE, 4), np.int64), "int64"),
        (np.full((SIDE, SIDE, 4), 255.0), "floats from 255 to 255"),
        (np.full((SIDE, SIDE, 3), np.nan), "floats from nan"),
        (np.zeros((SIDE + 1, SIDE, 4), np.uint8), "16×17"),
        (b"not a picture", "unknown format"),
        ("missing.png", "missing.png"),
    ],
    ids=lambda v: str(v)[:20],
)
def test_anything_else_is_refused_by_name(value: Any, problem: str) -> None:
    with pytest.raises(MediaError) as caught:
        to_picture(value, SIDE, "start")
    assert problem in str(caught.value)
    assert "start" in str(caught.value) or "missing" in problem


def test_a_clip_shows_itself_in_a_notebook(pixels: np.ndarray) -> None:
    for count in (1, 3):
        clip = Clip(np.stack([np.roll(pixels, n, 0) for n in range(count)]), metadata={"prompt": 'an <elf> "x"'})
        with Image.open(io.BytesIO(clip._repr_png_())) as shown:
            assert shown.size == (256, 256) and getattr(shown, "n_frames", 1) == count
        page = clip._repr_html_()
        assert page.startswith('<img src="data:image/png;base64,') and "an &lt;elf&gt; &quot;x&quot;" in page
