"""Initial values: sublayers that add nothing at first, near-plain residuals (each module's `reset_parameters`)."""

import torch
from torch import nn

from sancai.model.config import ModelConfig
from sancai.model.module import Module, default_std


def initialise(model: nn.Module, config: ModelConfig, seed: int) -> None:
    """Fill all weights in place, the same for the same seed on every machine.

    Every matrix is drawn from a normal distribution first; then each module sets what differs.
    """
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            std = module.initial_std(name, parameter) if isinstance(module, Module) else default_std(parameter)
            if std is not None:
                nn.init.normal_(parameter, std=std)
    for number, module in enumerate(model.modules()):
        if isinstance(module, Module):
            module.reset_parameters(config.initializer_range, seed + number)
    torch.set_rng_state(state)
