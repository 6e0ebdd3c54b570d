"""The shipped model draws for the same seed what it drew when its pixels were stored."""

import pathlib

import numpy as np
import pytest

from sancai import Sancai, load

STORED = np.load(pathlib.Path(__file__).parent / "shipped" / "pixels.npz")
"""Made on a CPU in fp32: `text`, `unguided` and `edit` are pictures, `clip` a clip; frames (F, 64, 64, 4) uint8."""
KNIGHT = "a knight in steel armour with a red cape, facing left"
NEAR, SHARE = 2, 0.999
"""Pixels may differ by this much of 255 on another CPU, all but one in a thousand."""


@pytest.fixture(scope="module")
def model() -> Sancai:
    return load(device="cpu")


def check(frames: np.ndarray, name: str) -> None:
    stored = STORED[name]
    assert frames.shape == stored.shape
    near = (np.abs(frames.astype(int) - stored.astype(int)) <= NEAR).all(-1)
    assert near.mean() >= SHARE, f"{name}: {1 - near.mean():.2%} of the pixels changed"


def test_a_picture_from_words_is_the_stored_one(model: Sancai) -> None:
    check(model.image(KNIGHT, seed=1).frames, "text")


def test_an_unguided_picture_is_the_stored_one_and_capitals_do_not_matter(model: Sancai) -> None:
    prompt = "  A Female ELF with long red hair, holding a bow "
    check(model.image(prompt, seed=7, steps=5, guidance=1).frames, "unguided")


def test_an_edited_picture_is_the_stored_one(model: Sancai) -> None:
    check(model.image("make the cape blue", seed=2, steps=6, pictures=STORED["text"][0]).frames, "edit")


def test_a_clip_is_the_stored_one(model: Sancai) -> None:
    check(model.video("a skeleton walking right", seed=3, steps=6).frames, "clip")
