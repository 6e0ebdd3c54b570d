"""Clamped SwiGLU, the activation of DeepSeek-V4's experts."""

import torch.nn.functional as F
from torch import Tensor

from sancai.ops.dispatch import operator
from sancai.ops.samples import swiglu_samples


@operator("swiglu_clamped", swiglu_samples, prefer_compiled=True)
def swiglu(gate: Tensor, up: Tensor, limit: float) -> Tensor:
    """Return silu(min(gate, limit)) · clip(up, ±limit), (..., F), in the dtype of gate (..., F)."""
    return F.silu(gate.clamp(max=limit)) * up.clamp(-limit, limit)
