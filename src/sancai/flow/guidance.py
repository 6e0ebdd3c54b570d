"""Classifier-free guidance on predicted latents."""

from torch import Tensor


def guide(conditional: Tensor, unconditional: Tensor, scale: float) -> Tensor:
    """Return unconditional + scale · (conditional − unconditional)."""
    return unconditional + scale * (conditional - unconditional)
