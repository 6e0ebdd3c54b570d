"""Batches weigh what they teach: clips by the root of their length, text only where it learns."""

import random

import numpy as np
import pytest
import torch

from builders import random_model, small_config
from sancai.data import Task
from sancai.sequence import Block, Text, pack
from sancai.train.batch import prepare
from sancai.train.loss import cross_entropy

PICTURES = Task(shift=3.0)


def noisy(frames: int) -> Block:
    latents = np.random.default_rng(frames).normal(size=(frames, 3, 3, 8)).astype(np.float32)
    return Block(latents=latents, times=list(range(frames)), sigma=1.0)


def test_a_clip_weighs_as_the_root_of_its_frames() -> None:
    prompt = Text(ids=[1, 2, 3])
    batch = prepare(
        "video", PICTURES, pack([[[prompt, noisy(4)]], [[prompt, noisy(1)]]]), torch.Generator().manual_seed(0)
    )
    assert batch.weight is not None
    assert batch.weight[0].tolist() == pytest.approx([0.5] * 36)
    assert batch.weight[1].tolist() == pytest.approx([1.0] * 9 + [0.0] * 27)
    assert batch.noisy_tokens == 45 and batch.noisy_weight == pytest.approx(27.0)


def test_every_block_has_one_noise_level_and_some_are_pure_noise() -> None:
    rows = [[[Text(ids=[1]), noisy(1), noisy(1)]] for _ in range(40)]
    batch = prepare("image", PICTURES, pack(rows), torch.Generator().manual_seed(0))
    assert batch.sigma is not None
    blocks = batch.sigma.unflatten(1, (2, 9))
    assert bool((blocks == blocks[..., :1]).all())
    assert int((blocks[..., 0] == 1).sum()) == 8


def test_scores_are_made_only_where_text_learns() -> None:
    model = random_model(small_config(visual=None), seed=2)
    rng = random.Random(1)
    ids = [rng.randrange(64) for _ in range(30)]
    packed = pack([[[Text(ids=ids, learn=[n % 3 == 0 for n in range(30)])]]])
    batch = prepare("vqa", Task(), packed, torch.Generator().manual_seed(0))
    hidden = model(packed).hidden
    assert hidden is not None
    loss = cross_entropy(model, hidden, batch.targets, batch.learn)
    whole = torch.nn.functional.cross_entropy(model.logits(hidden)[0], batch.targets[0], reduction="none")
    assert batch.text_tokens == 9
    assert float(loss.detach()) == pytest.approx(float(whole[batch.learn[0]].detach().sum()), rel=1e-6)
