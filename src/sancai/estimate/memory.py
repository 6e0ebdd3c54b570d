"""Memory of a run: states of training and what a backward pass needs."""

from sancai.estimate.operator import totals
from sancai.estimate.work import Formats, Load, Work, turns_of
from sancai.model import ModelConfig
from sancai.ops.grouped_matmul import TILE

STATE_BYTES = 16
"""Bytes of a parameter in training: fp32 weight, gradient, momentum and average."""


def training_bytes(parameters: int) -> int:
    """Return the bytes of weights, gradients, the optimizer's momentum and the weights' average."""
    return parameters * STATE_BYTES


def activation_bytes(config: ModelConfig, formats: Formats, load: Load, recompute: bool = True) -> float:
    """Return what the backward pass of a pass keeps: with `recompute` the streams between layers and one layer.

    Half of the traffic of vector work is written, and what is written is kept; products write what the vector
    work after them reads.
    """
    work = Work(config, "kernels", formats)
    visual = load.committed + load.noisy
    each = 0.5 * totals(o for o in work.layer(load, max(config.compress_ratios)) if o.kind == "vector").bytes
    streams = load.batch * (load.text + visual) * config.hc_mult * config.hidden_size * formats.math
    layers = config.num_hidden_layers
    return layers * streams + each if recompute else layers * each


def copied_bytes(config: ModelConfig, load: Load, number_bytes: float = 2.0) -> float:
    """Return what tiles of experts keep for the backward pass where no grouped kernel is: copies of weights.

    Each tile of 16 rows holds a copy of its expert's weights; every expert may leave one tile partly empty.
    Products whose tiles take turns keep nothing.
    """
    one = config.hidden_size * config.moe_intermediate_size * number_bytes
    sides = [(load.text, config.n_routed_experts, config.num_experts_per_tok)] * config.num_hidden_layers
    if load.with_mtp:
        sides += sides[:1]
    visual, tokens = config.visual, load.committed + load.noisy
    if visual is not None and tokens:
        sides += [(tokens, visual.n_routed_experts, visual.num_experts_per_tok)] * config.num_hidden_layers
    copies = [(load.batch * n * chosen // TILE + count) * one for n, count, chosen in sides]
    return 3 * sum(copy for copy in copies if turns_of(copy) == 1)
