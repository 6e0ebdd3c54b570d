"""Flow matching as pure functions."""

from sancai.flow.guidance import guide
from sancai.flow.path import corrupt, flow_loss, sample_sigma, shift, velocity
from sancai.flow.sampler import SAMPLERS, DrawNoise, Predict, Sampler, SamplerState, get_sampler, sample, timesteps

__all__ = [
    "SAMPLERS", "DrawNoise", "Predict", "Sampler", "SamplerState", "corrupt", "flow_loss", "get_sampler", "guide",
    "sample", "sample_sigma", "shift", "timesteps", "velocity",
]  # fmt: skip
