"""Clips of several blocks: each block is drawn after the finished ones, with noise of its own."""

import dataclasses

import numpy as np
import pytest
import torch

from builders import random_model, small_config, visual_config
from conversations import full_tokenizer
from sancai.device.platform import get_platform
from sancai.engine import Clip, Engine, GenerationConfig, Progress, Request, SamplingConfig, drawing
from sancai.engine.denoising import Denoising

SAMPLING = SamplingConfig(steps=2, guidance=1.0)


@pytest.fixture(scope="module")
def engine() -> Engine:
    tokenizer = full_tokenizer()
    visual = dataclasses.replace(visual_config(), latent_channels=256, pixel_shuffle=8, block_frames=2)
    model = random_model(small_config(vocab_size=tokenizer.vocab_size, visual=visual))
    torch.manual_seed(0)
    return Engine(model, tokenizer, get_platform("cpu"), GenerationConfig(max_frames=6, block_frames=2))


def film(engine: Engine, frames: int, seed: int = 1) -> tuple[np.ndarray, list[Progress]]:
    request = Request(kind="video", prompt="a knight", frames=frames, seed=seed, sampling=SAMPLING)
    events = list(engine.generate(request))
    clip = next(e for e in events if isinstance(e, Clip))
    return clip.frames, [e for e in events if isinstance(e, Progress)]


def test_a_longer_clip_has_all_its_frames_and_counts_the_steps_of_all_blocks(engine: Engine) -> None:
    frames, progress = film(engine, 5)
    assert frames.shape == (5, 64, 64, 4)
    assert [p.step for p in progress] == [1, 2, 3, 4, 5, 6] and {p.steps for p in progress} == {6}


def test_the_first_block_does_not_depend_on_what_follows(engine: Engine) -> None:
    short, long = film(engine, 2)[0], film(engine, 4)[0]
    assert np.array_equal(short, long[:2])


def test_every_block_is_new(engine: Engine) -> None:
    frames = film(engine, 6)[0]
    blocks = [frames[n : n + 2] for n in (0, 2, 4)]
    assert all(not np.array_equal(a, b) for n, a in enumerate(blocks) for b in blocks[n + 1 :])


def test_a_block_is_drawn_after_the_one_before(engine: Engine) -> None:
    """With the noise of the second block fixed, another first block makes another second one."""
    first = film(engine, 4, seed=1)[0]
    other = film(engine, 2, seed=2)[0]
    assert not np.array_equal(first[2:], other), "seed 2 gives the second block's noise, but nothing before it"


def test_every_block_has_noise_of_its_own(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[torch.Tensor] = []

    class Recorded(Denoising):
        def _draw_noise(self) -> torch.Tensor:
            starts.append(super()._draw_noise())
            return starts[-1]

    monkeypatch.setattr(drawing, "Denoising", Recorded)
    film(engine, 6)
    assert len(starts) == 3 and all(not torch.equal(a, b) for n, a in enumerate(starts) for b in starts[n + 1 :])
