"""A small language model from a folder of your own texts: the text half alone, to which pictures can be added later.

sancai train recipes.text:pretrain --data.folder my-texts --run runs/text
"""

import dataclasses

from recipes import nano
from sancai.data.text import TextConfig
from sancai.model import ModelConfig
from sancai.train import OptimizerConfig, Share, TrainConfig


def model() -> ModelConfig:
    """Return the text half of nano."""
    return dataclasses.replace(nano.model(), visual=None)


def pretrain(folder: str = "texts") -> TrainConfig:
    """Train from nothing on rows of about 512 tokens."""
    return TrainConfig(
        name="text-pretrain",
        model=model(),
        data=TextConfig(folder=folder),
        mixture={"text": Share(4, tokens=512)},
        optimizer=OptimizerConfig(lr=6e-3, adamw_lr=4e-3),
        steps=1000,
        warmup_steps=30,
        dtype="float32",
    )
