"""Bias-free linear maps, norms and the token embedding, whose fp32 weights are cast to the dtype of the input."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sancai.model.module import Module
from sancai.ops.norm import rms_norm
from sancai.ops.quantisation import quant_matmul, unpack


class Linear(Module):
    """y = x Wᵀ, weight (out, in); computes in the dtype of x.

    A weight that is stored packed (fp8, fp4) has a `scale` and is unpacked at every use.
    optimizer: maps of inputs and outputs of the network (embeddings, heads, noise level) are AdamW's.
    """

    scale: Tensor | None

    def __init__(self, in_features: int, out_features: int, *, optimizer: Literal["muon", "adamw"] = "muon") -> None:
        super().__init__()
        self.muon = ("weight",) if optimizer == "muon" else ()
        self.weight = nn.Parameter(torch.empty(out_features, in_features, dtype=torch.float32))
        self.register_buffer("scale", None)

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., out) of x (..., in)."""
        if self.scale is not None:
            return quant_matmul(x, self.weight, self.scale)
        return F.linear(x, self.weight.to(x.dtype))

    def dense(self, dtype: torch.dtype) -> Tensor:
        """Return the weight (out, in) in `dtype`."""
        return unpack(self.weight, self.scale, dtype)


class RMSNorm(Module):
    """Root-mean-square norm with a weight (D,)."""

    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim, dtype=torch.float32))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., D) of x (..., D), computed in fp32, in the dtype of x."""
        return rms_norm(x, self.weight, self.eps)


class TokenEmbedding(Module):
    """One vector a token, weight (V, D), at first as large as a normalised state.

    With the usual 0.02 the first sublayers drown which token stands where, and words take hold late:
    `docs/log.md` has the comparison.
    """

    def __init__(self, vocab_size: int, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(vocab_size, dim, dtype=torch.float32))

    def initial_std(self, name: str, parameter: Tensor) -> float | None:
        """Return 1: the root mean square of a normalised state."""
        return 1.0

    def forward(self, ids: Tensor) -> Tensor:
        """Return fp32 vectors (B, T, D) of ids (B, T)."""
        return F.embedding(ids, self.weight)
