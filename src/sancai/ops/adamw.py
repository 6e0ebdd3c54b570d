"""The update of AdamW (arXiv 1711.05101) for many parameters at once."""

from torch import Tensor
from torch.optim.adamw import adamw

from sancai.ops.dispatch import operator
from sancai.ops.samples import adamw_samples

Rates = tuple[float, float, float, float, float]
"""Rate, beta1, beta2, eps, weight decay."""


@operator("fused_adamw", adamw_samples)
def fused_adamw(
    parameters: list[Tensor],
    gradients: list[Tensor],
    means: list[Tensor],
    squares: list[Tensor],
    steps: list[Tensor],
    rates: Rates,
) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Change parameters and both moments in place, and return them.

    Args:
        parameters, gradients: of any shapes.
        means, squares: running averages of the gradients and of their squares, as the parameters.
        steps: number of updates before this one, a scalar each, on the host; grows by one.
        rates: see `Rates`.
    """
    lr, beta1, beta2, eps, weight_decay = rates
    adamw(
        parameters, gradients, means, squares, [], steps,
        foreach=True, capturable=False, differentiable=False, fused=False, grad_scale=None, found_inf=None,
        has_complex=False, amsgrad=False, beta1=beta1, beta2=beta2, lr=lr, weight_decay=weight_decay, eps=eps,
        maximize=False,
    )  # fmt: skip
    return parameters, means, squares
