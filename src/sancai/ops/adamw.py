"""AdamW (arXiv 1711.05101): the update of many parameters at once."""

from torch import Tensor
from torch.optim.adamw import adamw

from sancai.ops.dispatch import operator
from sancai.ops.samples import adamw_samples

AdamWSettings = tuple[float, float, float, float, float]
"""Learning rate, beta1, beta2, eps, weight decay."""


@operator("fused_adamw", adamw_samples)
def fused_adamw(
    parameters: list[Tensor],
    gradients: list[Tensor],
    means: list[Tensor],
    squares: list[Tensor],
    steps: list[Tensor],
    settings: AdamWSettings,
) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Update parameters and both moments in place; return them.

    Args:
        parameters, gradients: of any shape.
        means, squares: exponential moving averages of the gradients and of their squares, shaped like the parameters.
        steps: number of previous updates, one scalar per parameter on the host; incremented.
        settings: see `AdamWSettings`.
    """
    lr, beta1, beta2, eps, weight_decay = settings
    adamw(
        parameters, gradients, means, squares, [], steps,
        foreach=True, capturable=False, differentiable=False, fused=False, grad_scale=None, found_inf=None,
        has_complex=False, amsgrad=False, beta1=beta1, beta2=beta2, lr=lr, weight_decay=weight_decay, eps=eps,
        maximize=False,
    )  # fmt: skip
    return parameters, means, squares
