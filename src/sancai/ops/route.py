"""The router of DeepSeekMoE: which experts a token takes, and how much of each (report section 2.1)."""

import torch.nn.functional as F
from torch import Tensor

from sancai.ops.dispatch import operator
from sancai.ops.precision import upcast
from sancai.ops.samples import route_samples


@operator("route", route_samples)
def route(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, given: Tensor | None, top_k: int, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return chosen experts (T, k), their weights (T, k) and all affinities (T, E), fp32.

    Affinities are sqrt(softplus(W h)); the choice uses affinity + bias, the weights the affinity alone, normalised
    to the sum `scale`.

    Args:
        hidden: (T, D).
        weight: (E, D), fp32.
        bias: (E,), fp32; None for none.
        given: (T, k) experts that are chosen already, by token; None to choose.
        top_k: experts a token.
        scale: sum of a token's weights.
    """
    affinity = F.softplus(F.linear(upcast(hidden), weight)).sqrt()
    chosen = given
    if chosen is None:
        ranked = affinity.detach() if bias is None else affinity.detach() + bias
        chosen = ranked.topk(top_k, -1).indices
    weights = affinity.gather(-1, chosen)
    weights = weights / (weights.sum(-1, keepdim=True) + 1e-20) * scale
    return chosen, weights, affinity
