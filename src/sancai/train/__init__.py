"""Training: one loop from a laptop up."""

from sancai.train.config import LossConfig, Share, TrainConfig
from sancai.train.loop import Callback, Run
from sancai.train.opening import start
from sancai.train.optimizer import OptimizerConfig
from sancai.train.stages import is_finished, open_stages, stages, train_stages

__all__ = [
    "Callback",
    "LossConfig",
    "OptimizerConfig",
    "Run",
    "Share",
    "TrainConfig",
    "is_finished",
    "open_stages",
    "stages",
    "start",
    "train_stages",
]
