"""Model FLOPs against PyTorch's own counter of what a step computes."""

import dataclasses
import pathlib
import random

import numpy as np
import pytest
from torch.utils.flop_counter import FlopCounterMode

from recipes import nano
from sancai.codec import PixelCodec
from sancai.data import DatasetConfig, Task
from sancai.model import ModelConfig
from sancai.sequence import Block, Document, Text
from sancai.tokenizer import Tokenizer
from sancai.train import Share, TrainConfig, start
from sancai.train.flops import batch_flops

pytestmark = pytest.mark.usefixtures("references_only")


@dataclasses.dataclass(frozen=True, kw_only=True)
class LettersConfig(DatasetConfig):
    """Documents of 64 tokens, with or without a picture: rows without padding."""

    tasks = {"letters": Task(), "ahead": Task(mtp=True), "picture": Task(shift=1.0)}  # noqa: RUF012

    def texts(self, rng: random.Random, count: int) -> list[str]:
        return ["abcdefgh"]

    def open(self, tokenizer: Tokenizer, codec: PixelCodec | None = None) -> "LettersConfig":
        return self

    def documents(self, task: str, count: int, rng: random.Random, first: int = 0) -> list[Document]:
        text = Text(ids=[9] * 64, learn=[True] * 64)
        block = Block(latents=np.ones((1, 8, 8, 256), np.float32), times=[0], sigma=1.0)
        return [[text, block] if task == "picture" else [text] for _ in range(count)]


def flops(folder: pathlib.Path, model: ModelConfig, data: DatasetConfig, task: str) -> tuple[float, float]:
    """Return our count and PyTorch's of one step without optimizer."""
    config = TrainConfig(model=model, data=data, mixture={task: Share(2)}, dtype="float32")
    trainer = start(config, folder).trainer
    trainer.optimizer.step = lambda *_: set()
    with FlopCounterMode(display=False) as counter:
        report = trainer.step(0)
    [batch] = trainer.batches(0)
    assert report["flops"] == batch_flops(batch, trainer.active, model)
    return report["flops"], counter.get_total_flops()


@pytest.mark.parametrize(("task", "off"), [("letters", 1e-9), ("ahead", 1e-9), ("picture", 0.05)])
def test_a_wider_expert_costs_what_the_counter_says(tmp_path: pathlib.Path, task: str, off: float) -> None:
    models = [dataclasses.replace(nano.model(), moe_intermediate_size=width) for width in (32, 96)]
    narrow, wide = (flops(tmp_path / f"{n}", model, LettersConfig(), task) for n, model in enumerate(models))
    # experts with few rows are computed in whole tiles, which only the counter counts
    assert wide[0] - narrow[0] == pytest.approx(wide[1] - narrow[1], rel=off)


def test_without_padding_the_count_is_near_what_is_computed(tmp_path: pathlib.Path) -> None:
    ours, counted = flops(tmp_path, dataclasses.replace(nano.model(), visual=None), LettersConfig(), "letters")
    assert 0.6 < ours / counted < 1.0, "masked keys are computed too, and not counted"
    ours, counted = flops(tmp_path / "picture", nano.model(), LettersConfig(), "picture")
    assert 0.75 < ours / counted < 1.05
