"""RMSNorm (arXiv 1910.07467), computed in fp32 and cast once at the end."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sancai.ops.dispatch import operator
from sancai.ops.precision import upcast
from sancai.ops.samples import rms_norm_samples


@operator("rms_norm", rms_norm_samples, prefer_compiled=True)
def rms_norm(x: Tensor, weight: Tensor | None, eps: float) -> Tensor:
    """Return ``weight * x / sqrt(mean(x², last dim) + eps)`` in the dtype of `x`.

    Args:
        x: any shape, normalised over the last dimension (D).
        weight: (D,) or None.
        eps: added to the mean square.
    """
    normed = F.rms_norm(upcast(x), (x.shape[-1],), None if weight is None else upcast(weight), eps)
    return normed.to(x.dtype)


def rms_scale(x: Tensor, eps: float) -> Tensor:
    """Return ``1 / sqrt(mean(x², last dim) + eps)`` of x (..., D) in fp32, (..., 1)."""
    total = x.square().sum(-1, keepdim=True, dtype=torch.promote_types(x.dtype, torch.float32))
    return torch.rsqrt(total / x.shape[-1] + eps)
