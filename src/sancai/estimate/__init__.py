"""Estimates of time, memory and cost before anything runs: a cost model, rates, and traces to verify it."""

from sancai.estimate.calibration import Calibration, cached_calibration, calibrate, mode_of
from sancai.estimate.cost_model import CostModel
from sancai.estimate.model_spec import ModelSpec, find_model
from sancai.estimate.predict import Interval, Predictor, Scenario, Target
from sancai.estimate.report import (
    Training,
    assumption_lines,
    chip_executions,
    local_execution,
    local_lines,
    speed_lines,
)
from sancai.estimate.trace import Trace
from sancai.estimate.workload import ElementBytes, Workload

__all__ = [
    "Calibration", "CostModel", "ElementBytes", "Interval", "ModelSpec", "Predictor", "Scenario", "Target", "Trace",
    "Training", "Workload",
    "assumption_lines", "cached_calibration", "calibrate", "chip_executions", "find_model", "local_execution",
    "local_lines", "mode_of", "speed_lines",
]  # fmt: skip
