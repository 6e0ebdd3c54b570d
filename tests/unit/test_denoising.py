"""Denoising against a plain loop, and every setting of it that must act."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from builders import CHANNELS, FRAME, Session, random_model, small_config, text
from sancai.engine import SamplingConfig
from sancai.engine.denoising import BlockPlan, Denoising
from sancai.engine.token_sampler import sample_token
from sancai.flow import guide, sample, timesteps
from sancai.model import Transformer
from sancai.sequence import Block, Text, raster_order

SAMPLING = SamplingConfig(steps=5, guidance=3.0, guided_above=0.5, shift=2.0, clip_shift=5.0)
BOUND = 0.4


@pytest.fixture(scope="module")
def model() -> Transformer:
    return random_model(small_config(), amount=0.2)


def prompts() -> list[list[Text]]:
    rng = np.random.default_rng(3)
    return [[text(rng, 6)], [text(rng, 6)]]


def denoised(model: Transformer, frames: int, sampling: SamplingConfig, **plan: Any) -> np.ndarray:
    """Return latents (F, Y, X, C) made as the engine makes them."""
    session = Session(model)
    session.step(prompts())
    block = BlockPlan(shape=(frames, *FRAME, CHANNELS), times=range(frames), **plan)
    denoising = Denoising(model, session.cache, block, sampling, [7])
    while not denoising.is_done:
        denoising.step()
    return denoising.latents()[0]


@torch.no_grad()
def plain(model: Transformer, frames: int, sampling: SamplingConfig, bound: float | None) -> np.ndarray:
    """Return the same latents by a loop without caches: the prompt is read anew for every prediction."""
    shape, order = (frames, *FRAME, CHANNELS), raster_order(*FRAME)
    back = np.argsort(order)

    def predict(z: torch.Tensor, sigma: float) -> torch.Tensor:
        latents = z.numpy().reshape(frames, -1, CHANNELS)[:, order].reshape(shape)
        block = Block(latents=latents, times=range(frames), sigma=sigma)
        with_words, without = (Session(model).step([[*p, block]]).prediction[0] for p in prompts())
        guided = guide(with_words, without, sampling.guidance if sigma >= sampling.guided_above else 1.0)
        return guided if bound is None else guided.clamp(-bound, bound)

    noise = torch.randn(frames * back.size, CHANNELS, generator=torch.Generator().manual_seed(7))
    levels = timesteps(sampling.steps, sampling.shift if frames == 1 else sampling.clip_shift)
    end = sample(predict, noise, levels).numpy().reshape(frames, -1, CHANNELS)
    return end[:, order].reshape(shape)


@pytest.mark.parametrize("frames", [1, 2])
@pytest.mark.parametrize("bound", [None, BOUND])
def test_denoising_is_the_plain_loop(model: Transformer, frames: int, bound: float | None) -> None:
    fast, slow = denoised(model, frames, SAMPLING, bound=bound), plain(model, frames, SAMPLING, bound)
    assert np.abs(fast - slow).max() <= 1e-3 * np.abs(slow).max()
    assert bound is None or np.abs(fast).max() <= bound


ACTS = [
    (1, {"guidance": 2.0}),
    (1, {"guided_above": 0.05}),
    (1, {"shift": 1.0}),
    (2, {"clip_shift": 1.0}),
    (1, {"sampler": "euler"}),
    (1, {"sampler": "sde"}),
    (1, {"steps": 4}),
]


@pytest.mark.parametrize(("frames", "change"), ACTS, ids=lambda v: str(v))
def test_every_setting_acts(model: Transformer, frames: int, change: dict[str, Any]) -> None:
    changed = dataclasses.replace(SAMPLING, **change)
    assert np.abs(denoised(model, frames, SAMPLING) - denoised(model, frames, changed)).max() > 1e-3


@pytest.mark.parametrize(("frames", "change"), [(1, {"clip_shift": 1.0}), (2, {"shift": 1.0})])
def test_each_shift_acts_on_its_own_kind_only(model: Transformer, frames: int, change: dict[str, Any]) -> None:
    changed = dataclasses.replace(SAMPLING, **change)
    assert np.array_equal(denoised(model, frames, SAMPLING), denoised(model, frames, changed))


def test_the_bound_acts(model: Transformer) -> None:
    assert np.abs(denoised(model, 1, SAMPLING)).max() > BOUND >= np.abs(denoised(model, 1, SAMPLING, bound=BOUND)).max()


def test_temperature_flattens_what_is_drawn() -> None:
    logits, generator = torch.tensor([2.0, 1.0, 0.0]), torch.Generator().manual_seed(0)
    for temperature in (0.5, 1.0, 4.0):
        drawn = [sample_token(logits, temperature, generator) for _ in range(4000)]
        shares = torch.bincount(torch.tensor(drawn), minlength=3) / 4000
        assert torch.allclose(shares, (logits / temperature).softmax(-1), atol=0.03)
    assert {sample_token(logits, 0.0, generator) for _ in range(50)} == {0}


def test_only_allowed_tokens_are_drawn_with_their_own_proportions() -> None:
    logits, generator = torch.tensor([9.0, 1.0, 0.0, 8.0]), torch.Generator().manual_seed(0)
    drawn = [sample_token(logits, 1.0, generator, {1, 2}) for _ in range(4000)]
    assert set(drawn) == {1, 2}
    assert drawn.count(1) / 4000 == pytest.approx(float(torch.tensor([1.0, 0.0]).softmax(-1)[0]), abs=0.03)
    assert sample_token(logits, 0.0, None, {1, 2}) == 1
