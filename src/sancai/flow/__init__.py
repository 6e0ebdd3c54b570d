"""Flow matching as pure functions."""

from sancai.flow.guidance import guide
from sancai.flow.path import corrupt, flow_loss, sample_sigma, shift, velocity
from sancai.flow.solver import drain, solve, solve_stepwise, timesteps

__all__ = [
    "corrupt",
    "drain",
    "flow_loss",
    "guide",
    "sample_sigma",
    "shift",
    "solve",
    "solve_stepwise",
    "timesteps",
    "velocity",
]
