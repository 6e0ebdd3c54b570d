"""Bias-free linear maps and norms whose fp32 weights are cast to the dtype of the input."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sancai.ops.norm import rms_norm
from sancai.ops.quantisation import quant_matmul, unpack


class Linear(nn.Module):
    """y = x Wᵀ, weight (out, in); computes in the dtype of x.

    A weight that is stored packed (fp8, fp4) has a `scale` and is unpacked at every use.
    """

    scale: Tensor | None

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_features, in_features, dtype=torch.float32))
        self.register_buffer("scale", None)

    def forward(self, x: Tensor) -> Tensor:
        if self.scale is not None:
            return quant_matmul(x, self.weight, self.scale)
        return F.linear(x, self.weight.to(x.dtype))

    def dense(self, dtype: torch.dtype) -> Tensor:
        """Return the weight (out, in) in `dtype`."""
        return unpack(self.weight, self.scale, dtype)


class RMSNorm(nn.Module):
    """Root-mean-square norm with a weight (D,)."""

    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim, dtype=torch.float32))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.weight, self.eps)
