"""The router of DeepSeekMoE: selects the experts of each token and their weights (report, section 2.1)."""

import torch.nn.functional as F
from torch import Tensor

from sancai.ops.dispatch import operator
from sancai.ops.precision import upcast
from sancai.ops.samples import route_samples


@operator("route", route_samples)
def route(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, given: Tensor | None, top_k: int, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return selected experts (T, k), int64, their weights (T, k) and all affinities (T, E), fp32.

    The affinity is sqrt(softplus(W h)).  Experts are selected by affinity + bias; their weights are the affinities
    alone, normalised to the sum `scale`.

    Args:
        hidden: (T, D).
        weight: (E, D), fp32.
        bias: (E,), fp32; None for no bias.
        given: (T, k) experts fixed by token id (hash routing); None selects by affinity.
        top_k: experts per token.
        scale: sum of the weights of a token.
    """
    affinity = F.softplus(F.linear(upcast(hidden), weight)).sqrt()
    chosen = given
    if chosen is None:
        ranked = affinity.detach() if bias is None else affinity.detach() + bias
        chosen = ranked.topk(top_k, -1).indices
    weights = affinity.gather(-1, chosen)
    weights = weights / (weights.sum(-1, keepdim=True) + 1e-20) * scale
    return chosen, weights, affinity
