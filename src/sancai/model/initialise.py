"""Starting values: token embeddings as large as normalised states, sublayers that start silent, near-plain residuals.

With embeddings of 0.02 the first sublayers drown which token stands where, and words take hold late:
`docs/log.md` has the comparison.
"""

import torch
from torch import nn

from sancai.model.attention import Attention
from sancai.model.config import ModelConfig
from sancai.model.hyper_connection import HyperConnection, HyperHead
from sancai.model.moe import Expert, Experts, Gate
from sancai.model.noise import LayerNoise, NoiseEmbedding
from sancai.model.visual import LatentHead, Visual


def initialise(model: nn.Module, config: ModelConfig, seed: int) -> None:
    """Fill all weights in place, the same for the same seed on every machine."""
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    std = config.initializer_range
    for name, parameter in model.named_parameters():
        if parameter.dim() >= 2 and not name.endswith("ape"):
            nn.init.normal_(parameter, std=1.0 if name == "embed.weight" else parameter.shape[-1] ** -0.5)
    for number, module in enumerate(model.modules()):
        if isinstance(module, HyperConnection | HyperHead):
            module.reset(std)
        elif isinstance(module, Gate):
            module.reset(std, seed + number)
    for module in model.modules():
        _close(module)
    torch.set_rng_state(state)


def _close(module: nn.Module) -> None:
    """Zero the paths that open during training: what sublayers add, the noise level's way in, the last convolution."""
    if isinstance(module, Attention):
        nn.init.zeros_(module.wo_b.weight)
    elif isinstance(module, Experts):
        nn.init.zeros_(module.w2)
    elif isinstance(module, Expert):
        nn.init.zeros_(module.w2.weight)
    elif isinstance(module, NoiseEmbedding):
        nn.init.zeros_(module.shared.weight)
    elif isinstance(module, LayerNoise):
        nn.init.zeros_(module.shift.weight)
        nn.init.zeros_(module.table)
    elif isinstance(module, LatentHead):
        if module.conv_in.bias is not None:
            nn.init.zeros_(module.conv_in.bias)
        nn.init.zeros_(module.conv_out.weight)
        if module.conv_out.bias is not None:
            nn.init.zeros_(module.conv_out.bias)
    elif isinstance(module, Visual):
        nn.init.ones_(module.embed.stream_scale)
