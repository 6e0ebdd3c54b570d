"""How long, how much memory, how much money: predictions before anything runs, and the counts behind them."""

from sancai.estimate.calibration import Calibration, calibrate, calibrated, way_of
from sancai.estimate.predict import Predictor, Question, Span, Target
from sancai.estimate.report import Training, assumption_lines, chip_runs, here_lines, here_run, speed_lines
from sancai.estimate.subject import Subject, find_subject
from sancai.estimate.trace import Trace
from sancai.estimate.work import Formats, Load, Work

__all__ = [
    "Calibration", "Formats", "Load", "Predictor", "Question", "Span", "Subject", "Target", "Trace", "Training", "Work",
    "assumption_lines", "calibrate", "calibrated", "chip_runs", "find_subject", "here_lines", "here_run",
    "speed_lines", "way_of",
]  # fmt: skip
