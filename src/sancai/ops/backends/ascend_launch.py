"""What the kernels of Ascend's operators share: how an operator is found, and what passes between the passes."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

HALF = (torch.float16, torch.bfloat16)
Arguments = tuple[Any, ...]
Tensors = tuple[Tensor, ...]
Gradients = tuple[Tensor | None, ...]


def npu_operator(name: str) -> Callable[..., Any]:
    """Return an operator of the chip's library.

    Raises:
        LookupError: this version has none of this name.
    """
    found = getattr(torch.ops.npu, name, None)
    if found is None:
        raise LookupError(f"this torch-npu has no operator {name}; 2.13 has it")
    return found
