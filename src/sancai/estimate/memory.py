"""Memory of training: parameters and optimizer state, and activations for the backward pass."""

from sancai.estimate.cost_model import CostModel, chunk_count
from sancai.estimate.op_cost import totals
from sancai.estimate.workload import ElementBytes, Workload
from sancai.model import ModelConfig
from sancai.ops.grouped_matmul import TILE

STATE_BYTES = 16
"""Bytes per parameter in training: fp32 weight, gradient, momentum and EMA."""


def training_bytes(parameters: int) -> int:
    """Return the bytes of weights, gradients, the optimizer's momentum and the EMA of the weights."""
    return parameters * STATE_BYTES


def activation_bytes(config: ModelConfig, formats: ElementBytes, workload: Workload, recompute: bool = True) -> float:
    """Return the bytes of activations kept for the backward pass; `recompute` keeps layer inputs and one layer.

    Half of the traffic of elementwise work is written, and everything written is kept; the outputs of products are read
    by the elementwise work after them.
    """
    work = CostModel(config, "fused", formats)
    visual = workload.committed + workload.noisy
    each = 0.5 * totals(o for o in work.layer(workload, max(config.compress_ratios)) if o.kind == "vector").bytes
    streams = workload.batch * (workload.text + visual) * config.hc_mult * config.hidden_size * formats.math
    layers = config.num_hidden_layers
    return layers * streams + each if recompute else layers * each


def copied_bytes(config: ModelConfig, workload: Workload, number_bytes: float = 2.0) -> float:
    """Return the bytes of expert weights that tiles copy and keep for the backward pass, without a grouped kernel.

    Each tile of 16 rows has a copy of its expert's weights; every expert may have one partly empty tile.  Products in
    several chunks keep nothing.
    """
    one = config.hidden_size * config.moe_intermediate_size * number_bytes
    sides = [(workload.text, config.n_routed_experts, config.num_experts_per_tok)] * config.num_hidden_layers
    if workload.with_mtp:
        sides += sides[:1]
    visual, tokens = config.visual, workload.committed + workload.noisy
    if visual is not None and tokens:
        sides += [(tokens, visual.n_routed_experts, visual.num_experts_per_tok)] * config.num_hidden_layers
    copies = [(workload.batch * n * chosen // TILE + count) * one for n, count, chosen in sides]
    return 3 * sum(copy for copy in copies if chunk_count(copy) == 1)
