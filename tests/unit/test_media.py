"""What is written opens again: pixels, frames, times, what made it."""

import io
import json
import pathlib

import numpy as np
import pytest
from PIL import Image, ImageSequence

from sancai.media import Playback, animation_bytes, read_picture, sheet_bytes

MADE = json.dumps({"prompt": "a knight", "seed": 3})


def frames(count: int = 8) -> np.ndarray:
    """Return a square that wanders over a clear canvas."""
    out = np.zeros((count, 64, 64, 4), np.uint8)
    for number in range(count):
        out[number, 8 : 8 + number + 4, 10:20] = (200, 10 * number, 30, 255)
    return out


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".apng"])
def test_a_clip_opens_with_the_same_pixels(suffix: str) -> None:
    clip = frames()
    shown = [
        np.array(f.convert("RGBA"))
        for f in ImageSequence.Iterator(opened(animation_bytes(clip, suffix, Playback(fps=8))))
    ]
    assert len(shown) == len(clip)
    for drawn, wanted in zip(shown, clip, strict=True):
        assert np.array_equal(drawn[..., 3], wanted[..., 3])
        assert np.array_equal(drawn[wanted[..., 3] > 0], wanted[wanted[..., 3] > 0])


@pytest.mark.parametrize("fps", [6, 8, 12, 24])
def test_a_gif_plays_as_long_as_asked(fps: int) -> None:
    picture = opened(animation_bytes(frames(), ".gif", Playback(fps=fps)))
    times = [f.info["duration"] for f in ImageSequence.Iterator(picture)]
    assert all(t % 10 == 0 for t in times)
    assert abs(sum(times) - 8000 / fps) <= 5


def test_files_say_what_made_them() -> None:
    playback = Playback(fps=8, parameters=MADE)
    assert opened(animation_bytes(frames(), ".apng", playback)).info["sancai"] == MADE
    assert opened(animation_bytes(frames(), ".gif", playback)).info["comment"] == MADE.encode()
    sheet, description = sheet_bytes(frames(), "walk.png", "walk", playback)
    assert opened(sheet).info["sancai"] == MADE
    assert sum(f["duration"] for f in json.loads(description)["frames"]) == 1000


def test_sixteen_bit_grey_keeps_its_shades(tmp_path: pathlib.Path) -> None:
    shades = np.linspace(0, 65535, 64).astype(np.uint16)[None].repeat(64, 0)
    Image.fromarray(shades).save(tmp_path / "deep.png")
    assert np.array_equal(read_picture(tmp_path / "deep.png")[..., 0], shades >> 8)
