"""PixelCodec: nothing is lost where a pixel is opaque or clear."""

import numpy as np
import pytest

from sancai.codec import PixelCodec
from sancai.errors import RequestError


def sprites(rng: np.random.Generator, frames: int = 3, height: int = 16, width: int = 24) -> np.ndarray:
    """Return frames of opaque pixels of any colour and of wholly clear ones."""
    pictures = rng.integers(0, 256, (frames, height, width, 4), dtype=np.uint8)
    opaque = rng.random((frames, height, width)) < 0.7
    pictures[..., 3] = np.where(opaque, 255, 0)
    pictures[~opaque] = 0
    return pictures


@pytest.mark.parametrize("harden", [True, False])
@pytest.mark.parametrize("side", [4, 8])
def test_opaque_and_clear_pixels_come_back_exactly(rng: np.random.Generator, side: int, harden: bool) -> None:
    codec, pictures = PixelCodec(side), sprites(rng)
    back = codec.decode(codec.encode(pictures), harden_alpha=harden)
    assert back.dtype == np.uint8 and np.array_equal(back, pictures)


def test_every_byte_value_survives() -> None:
    pictures = np.repeat(np.arange(256, dtype=np.uint8), 4).reshape(1, 16, 16, 4).copy()
    pictures[..., 3] = 255
    codec = PixelCodec()
    assert np.array_equal(codec.decode(codec.encode(pictures)), pictures)


def test_the_colour_under_a_clear_pixel_does_not_matter(rng: np.random.Generator) -> None:
    pictures = sprites(rng)
    other = pictures.copy()
    other[pictures[..., 3] == 0, :3] = 200
    assert np.array_equal(PixelCodec().encode(pictures), PixelCodec().encode(other))


def test_latents_are_premultiplied_and_lie_between_minus_one_and_one(rng: np.random.Generator) -> None:
    pictures = rng.integers(0, 256, (1, 8, 8, 4), dtype=np.uint8)
    latents = PixelCodec().encode(pictures)
    assert latents.shape == (1, 1, 1, 256) and latents.dtype == np.float32
    assert latents.min() >= -1 and latents.max() <= 1
    red, alpha = latents[0, 0, 0, 0], latents[0, 0, 0, 3]
    assert (alpha + 1) / 2 == pytest.approx(pictures[0, 0, 0, 3] / 255, abs=1e-6)
    assert (red + 1) / 2 == pytest.approx(pictures[0, 0, 0, 0] / 255 * pictures[0, 0, 0, 3] / 255, abs=1e-6)


def test_each_token_is_one_patch_of_pixels(rng: np.random.Generator) -> None:
    codec, pictures = PixelCodec(), sprites(rng)
    latents = codec.encode(pictures)
    assert latents.shape == (3, 2, 3, codec.channels)
    assert np.array_equal(latents[1, 1, 2], codec.encode(pictures[1:2, 8:16, 16:24])[0, 0, 0])


def test_the_first_frames_code_to_a_prefix_and_an_image_is_a_short_film(rng: np.random.Generator) -> None:
    codec, pictures = PixelCodec(), sprites(rng, frames=5)
    whole = codec.encode(pictures)
    for count in range(1, 6):
        assert np.array_equal(codec.encode(pictures[:count]), whole[:count])
        assert np.array_equal(codec.decode(whole[:count]), codec.decode(whole)[:count])


@pytest.mark.parametrize(("height", "width"), [(12, 16), (16, 20), (7, 7)])
def test_a_size_that_does_not_divide_is_refused(height: int, width: int) -> None:
    with pytest.raises(RequestError, match=f"{width}×{height}"):
        PixelCodec().encode(np.zeros((1, height, width, 4), np.uint8))


def test_crisp_hardens_edges_and_soft_keeps_them() -> None:
    codec, pictures = PixelCodec(), np.full((1, 8, 8, 4), 255, np.uint8)
    pictures[0, 0, :3, 3] = (10, 128, 230)
    latents = codec.encode(pictures)
    assert codec.decode(latents)[0, 0, :4, 3].tolist() == [0, 128, 255, 255]
    assert codec.decode(latents, harden_alpha=False)[0, 0, :4, 3].tolist() == [10, 128, 230, 255]


def test_latents_out_of_range_are_clipped() -> None:
    wild = np.where(np.arange(256) % 2, 9.0, -9.0).astype(np.float32).reshape(1, 1, 1, 256)
    assert set(PixelCodec().decode(wild).flatten().tolist()) <= {0, 255}
