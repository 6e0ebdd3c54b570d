"""Accumulation precision: statistics, softmax and routing run in fp32 (fp64 stays fp64, for tests)."""

import torch
from torch import Tensor


def upcast(x: Tensor) -> Tensor:
    """Return x in fp32; fp64 stays fp64."""
    return x if x.dtype == torch.float64 else x.float()
