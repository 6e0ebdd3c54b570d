"""What is written opens again: pixels, frames, times, what made it."""

import concurrent.futures
import io
import json
import pathlib

import av
import numpy as np
import pytest
from PIL import Image, ImageSequence

from sancai.errors import MediaError
from sancai.media import (
    Playback,
    animation_bytes,
    count_colors,
    harden_alpha,
    read_picture,
    reduce,
    snap,
    write_file,
    write_unused,
)

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


def test_sixteen_bit_grey_keeps_its_shades(tmp_path: pathlib.Path) -> None:
    shades = np.linspace(0, 65535, 64).astype(np.uint16)[None].repeat(64, 0)
    Image.fromarray(shades).save(tmp_path / "deep.png")
    assert np.array_equal(read_picture(tmp_path / "deep.png")[..., 0], shades >> 8)


@pytest.mark.parametrize("fps", [50.0, 55.0, 60.0])
def test_no_gif_delay_is_one_that_browsers_stretch(fps: float) -> None:
    picture = opened(animation_bytes(frames(), ".gif", Playback(fps=fps)))
    assert all(f.info["duration"] >= 20 for f in ImageSequence.Iterator(picture))


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".apng"])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (0, 2, 3)])
def test_a_wholly_clear_frame_is_shown_as_long_as_others(suffix: str, order: tuple[int, ...]) -> None:
    drawn = np.zeros((4, 32, 32, 4), np.uint8)
    drawn[0, 4:20, 4:20], drawn[1, 6:18, 6:18], drawn[3, :3, :3] = (200, 30, 30, 255), (9, 9, 9, 255), (0, 0, 0, 255)
    picture = opened(animation_bytes(drawn[list(order)], suffix, Playback(fps=10)))
    visible = [int((np.array(f.convert("RGBA"))[..., 3] > 127).sum()) for f in ImageSequence.Iterator(picture)]
    assert visible == [int((drawn[n, ..., 3] > 127).sum()) for n in order]


@pytest.mark.parametrize(("side", "space", "reader"), [(64, 6, "ITU601"), (720, 1, "ITU709")])
def test_an_mp4_says_its_colours_and_keeps_them(side: int, space: int, reader: str) -> None:
    clip = np.full((2, side, side, 4), (200, 30, 30, 255), np.uint8)
    with av.open(io.BytesIO(animation_bytes(clip, ".mp4", Playback(fps=8)))) as container:
        stream = container.streams.video[0]
        frame = next(container.decode(stream))
        assert (frame.colorspace, frame.color_primaries, frame.color_range) == (space, space, 1)
        seen = frame.reformat(format="rgb24", src_colorspace=reader, dst_colorspace=reader).to_ndarray()
    assert np.abs(seen[side // 2, side // 2].astype(int) - (200, 30, 30)).max() <= 4


@pytest.mark.parametrize("size", [(65, 63), (1, 1), (3, 2)])
def test_an_mp4_of_odd_sides_keeps_every_row(size: tuple[int, int]) -> None:
    clip = np.full((2, *size, 4), (30, 60, 200, 255), np.uint8)
    with av.open(io.BytesIO(animation_bytes(clip, ".mp4", Playback(fps=8)))) as container:
        frame = next(container.decode(container.streams.video[0]))
    assert (frame.height, frame.width) == tuple(n + n % 2 for n in size)


def test_pixel_art_has_hard_alpha_and_as_many_colours_as_asked() -> None:
    soft = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 4)).astype(np.uint8)
    for drawn in (reduce(soft, 16), snap(soft, np.array([[0, 0, 0], [255, 0, 0]], np.uint8))):
        assert set(np.unique(drawn[..., 3])) == {0, 255} and count_colors(drawn) <= 16
    hard = harden_alpha(soft)
    assert np.array_equal(hard[..., 3] > 0, soft[..., 3] >= 128) and not hard[hard[..., 3] == 0].any()


def test_writers_at_once_get_names_of_their_own(tmp_path: pathlib.Path) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda n: write_unused(tmp_path / "knight.png", bytes([n])), range(16)))
    assert len(set(names)) == 16 and sorted(p.read_bytes()[0] for p in tmp_path.iterdir()) == list(range(16))
    assert {p.name for p in names} >= {"knight.png", "knight-2.png", "knight-16.png"}


def test_a_file_that_may_not_be_replaced_stays(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.png").write_bytes(b"before")
    with pytest.raises(MediaError, match="exists already"):
        write_file(tmp_path / "a.png", b"after", replace=False)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"] and (tmp_path / "a.png").read_bytes() == b"before"
