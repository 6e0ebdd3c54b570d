"""Which number format each kind of arithmetic uses: said once, never left to autocast."""

from dataclasses import dataclass

import torch

from sancai.device.chip import Chip
from sancai.errors import DeviceError


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Number formats of one run.

    weights: parameters as they are trained.  math: matrix products.  routing: scores, softmax, top-k,
    Sinkhorn, norms.  reduction: sums over tokens and gradients across devices.
    """

    weights: torch.dtype = torch.float32
    math: torch.dtype = torch.bfloat16
    routing: torch.dtype = torch.float32
    reduction: torch.dtype = torch.float32


def policy(chip: Chip, math: str | None = None) -> Policy:
    """Return the formats for a chip; `math` asks for another one of those it computes in.

    Raises:
        DeviceError: the chip does not compute in it.
    """
    name = math or chip.best_dtype
    if name not in chip.compute_dtypes:
        raise DeviceError(f"{chip.title} does not compute in {name}; expected one of {', '.join(chip.compute_dtypes)}")
    return Policy(math=getattr(torch, name))
