"""Flow matching as pure functions."""

from sancai.flow.guidance import guide
from sancai.flow.path import corrupt, flow_loss, sample_sigma, shift, velocity
from sancai.flow.solver import solve, timesteps

__all__ = ["corrupt", "flow_loss", "guide", "sample_sigma", "shift", "solve", "timesteps", "velocity"]
