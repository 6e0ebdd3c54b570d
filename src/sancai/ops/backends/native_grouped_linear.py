"""A linear map in groups, by one of PyTorch's matrix products each, on parts of rows that are not copied."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from sancai.ops.dispatch import Kernel

FORMATS = (torch.float32, torch.bfloat16)


def _supports(x: Tensor, weight: Tensor, groups: int) -> bool:
    return x.dtype in FORMATS and weight.dtype == x.dtype and x.numel() > 0


def _parts(rows: Tensor, groups: int) -> Iterator[Tensor]:
    """Yield each group's columns of rows (n, G·C)."""
    return iter(rows.chunk(groups, 1))


def _forward(x: Tensor, weight: Tensor, groups: int) -> tuple[Tensor, tuple[Tensor, ...]]:
    rows = x.flatten(0, -2)
    out = x.new_empty(len(rows), len(weight))
    for part, one, made in zip(_parts(rows, groups), weight.chunk(groups), _parts(out, groups), strict=True):
        torch.mm(part, one.T, out=made)
    return out.view(*x.shape[:-1], -1), ()


def _backward(args: tuple[Any, ...], kept: tuple[Tensor, ...], gradients: tuple[Tensor | None, ...]) -> tuple[Any, ...]:
    x, weight, groups = args
    assert gradients[0] is not None
    rows, given = x.flatten(0, -2), gradients[0].flatten(0, -2)
    to_rows, to_weight = torch.empty_like(rows), torch.empty_like(weight)
    inputs, above, made = _parts(rows, groups), _parts(given, groups), _parts(to_rows, groups)
    for part, g, to_part, one, to_one in zip(
        inputs, above, made, weight.chunk(groups), to_weight.chunk(groups), strict=True
    ):
        torch.mm(g, one, out=to_part)
        torch.mm(g.T, part, out=to_one)
    return to_rows.view(x.shape), to_weight, None


GROUPED_LINEAR = Kernel(_forward, _backward, _supports)
