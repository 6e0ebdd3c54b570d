"""Training: one loop from a laptop up."""

from sancai.data.characters.samples import SampleConfig
from sancai.train.config import LossConfig, Share, TrainConfig
from sancai.train.loop import Run, start
from sancai.train.optimizer import OptimizerConfig

__all__ = ["LossConfig", "OptimizerConfig", "Run", "SampleConfig", "Share", "TrainConfig", "start"]
