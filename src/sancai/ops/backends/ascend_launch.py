"""Helpers of the Ascend kernels: operator lookup, and the types that pass between forward and backward."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

HALF = (torch.float16, torch.bfloat16)
Arguments = tuple[Any, ...]
Tensors = tuple[Tensor, ...]
Gradients = tuple[Tensor | None, ...]


def npu_operator(name: str) -> Callable[..., Any]:
    """Return an operator of torch-npu.

    Raises:
        LookupError: the installed version has no operator of this name.
    """
    found = getattr(torch.ops.npu, name, None)
    if found is None:
        raise LookupError(f"this torch-npu has no operator {name}; 2.13 has it")
    return found
