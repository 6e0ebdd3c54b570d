"""A text-only model with a visual half attached gives bitwise the same text outputs as before."""

import dataclasses

import numpy as np
import pytest
import torch

from builders import random_model, small_config, visual_config
from sancai.errors import ConfigError
from sancai.model import Cache, Transformer
from sancai.sequence import Block, Segment, Text, pack

IDS = list(range(30))


@pytest.fixture
def model() -> Transformer:
    return random_model(small_config(visual=None), seed=8)


@torch.no_grad()
def answer(model: Transformer, segments: list[Segment]) -> list[torch.Tensor]:
    """Return the logits of each text segment, prefilled one segment at a time."""
    cache, out = Cache.empty(model.config, 1), []
    for segment in segments:
        output = model(pack([[[segment]]], cache.cursors), cache, use_cache=True)
        assert output.cache is not None
        cache = output.cache
        if output.hidden is not None:
            out.append(model.logits(output.hidden))
    return out


@pytest.mark.parametrize("sharing", ["mot", "experts", "full", "frozen_text"])
def test_text_is_equal_before_and_after_bit_by_bit(model: Transformer, sharing: str) -> None:
    text, more = Text(ids=IDS), Text(ids=IDS[::-1])
    picture = Block(latents=np.ones((1, 3, 3, 8), np.float32), times=[0], committed=True)
    weights = {n: t.clone() for n, t in model.state_dict().items()}
    before = answer(model, [text, more])
    model.attach_visual(visual_config(sharing=sharing), seed=1)
    after, mixed = answer(model, [text, more]), answer(model, [text, picture, more])
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert torch.equal(mixed[0], before[0]) and not torch.equal(mixed[1], before[1])
    exported = model.export_text()
    assert exported.keys() == weights.keys()
    assert all(torch.equal(exported[name], weights[name]) for name in weights)


def test_the_attached_half_can_draw_and_learn(model: Transformer) -> None:
    model.attach_visual(visual_config(), seed=1)
    noisy = Block(latents=np.ones((1, 3, 3, 8), np.float32), times=[0], sigma=1.0)
    output = model(pack([[[Text(ids=IDS), noisy]]]))
    assert output.prediction is not None and output.prediction.shape == (1, 9, 8)
    output.prediction.square().sum().backward()
    assert any(p.grad is not None and p.grad.any() for p in model.visual.parameters())


def test_the_same_seed_gives_the_same_half(model: Transformer) -> None:
    other = random_model(small_config(visual=None), seed=9)
    for each in (model, other):
        each.attach_visual(visual_config(), seed=3)
    one, two = model.visual.state_dict(), other.visual.state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_second_visual_half_is_refused(model: Transformer) -> None:
    model.attach_visual(visual_config())
    with pytest.raises(ConfigError, match="has a visual half already"):
        model.attach_visual(dataclasses.replace(visual_config(), n_routed_experts=2))
