"""Grouped matrix multiplication in Triton, forward and backward.

The tiles of the plan are the tiles of the kernel, so shapes are static and nothing is copied to the host.  The gradient
of a weight is summed over the tiles of its group in order, so it is deterministic.
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from sancai.ops.backends.triton_launch import are_supported, is_interpreted
from sancai.ops.dispatch import Kernel
from sancai.ops.grouped_matmul import TILE, GroupedRows

BLOCK_COLUMNS = 128
BLOCK_INNER = 64
BLOCK_WEIGHT = 64


@triton.jit
def rows_kernel(
    rows, weights, groups, out, inner, columns, group_stride, column_stride, inner_stride,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, INNER: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Write one tile of rows (ROWS, inner) times its group's weight (columns, inner) transposed."""
    tile = tl.program_id(0).to(tl.int64)
    row = tile * ROWS + tl.arange(0, ROWS)
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    group = tl.load(groups + tile).to(tl.int64)
    held = tl.zeros((ROWS, COLUMNS), tl.float32)
    for start in range(0, inner, INNER):
        depth = start + tl.arange(0, INNER)
        x = tl.load(rows + row[:, None] * inner + depth[None, :], mask=depth[None, :] < inner, other=0.0)
        place = group * group_stride + column[None, :] * column_stride + depth[:, None] * inner_stride
        w = tl.load(weights + place, mask=(column[None, :] < columns) & (depth[:, None] < inner), other=0.0)
        if WIDE:
            x, w = x.to(tl.float32), w.to(tl.float32)
        held += tl.dot(x, w, input_precision="ieee")
    place = row[:, None] * columns + column[None, :]
    tl.store(out + place, held.to(out.dtype.element_ty), mask=column[None, :] < columns)


@triton.jit
def weights_kernel(
    rows, given, first, out, inner, columns,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, INNER: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Write a block of one group's gradient (columns, inner): Σ over its tiles of given transposed times rows."""
    group = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    depth = tl.program_id(2) * INNER + tl.arange(0, INNER)
    held = tl.zeros((COLUMNS, INNER), tl.float32)
    begin = tl.load(first + group)
    end = tl.load(first + group + 1)
    for tile in range(begin, end):
        row = (tile * ROWS + tl.arange(0, ROWS)).to(tl.int64)
        g = tl.load(given + row[None, :] * columns + column[:, None], mask=column[:, None] < columns, other=0.0)
        x = tl.load(rows + row[:, None] * inner + depth[None, :], mask=depth[None, :] < inner, other=0.0)
        if WIDE:
            g, x = g.to(tl.float32), x.to(tl.float32)
        held += tl.dot(g, x, input_precision="ieee")
    place = (group * columns + column[:, None]) * inner + depth[None, :]
    tl.store(out + place, held.to(out.dtype.element_ty), mask=(column[:, None] < columns) & (depth[None, :] < inner))


def _covers(padded: Tensor, weights: Any, plan: GroupedRows) -> bool:
    return plan.heights is None and isinstance(weights, Tensor) and are_supported(padded, weights) and len(padded) > 0


def _times(rows: Tensor, weights: Tensor, groups: Tensor) -> Tensor:
    """Return tiles of rows (P, D) times weights (E, F, D) of any strides, transposed."""
    inner, columns = rows.shape[1], weights.shape[1]
    out = rows.new_empty(len(rows), columns)
    rows_kernel[len(groups), triton.cdiv(columns, BLOCK_COLUMNS)](
        rows.contiguous(), weights, groups, out, inner, columns, *weights.stride(),
        ROWS=TILE, COLUMNS=BLOCK_COLUMNS, INNER=BLOCK_INNER, WIDE=is_interpreted(),
    )  # fmt: skip
    return out


def _forward(padded: Tensor, weights: Tensor, plan: GroupedRows) -> tuple[Tensor, tuple[Tensor, ...]]:
    return _times(padded, weights, plan.tiles), ()


def _backward(args: tuple[Any, ...], kept: tuple[Tensor, ...], gradients: tuple[Tensor | None, ...]) -> tuple[Any, ...]:
    """Return the gradients of rows and weights."""
    padded, weights, plan = args
    given = gradients[0]
    assert given is not None
    given, groups = given.contiguous(), plan.tiles
    count, columns, inner = weights.shape
    number = torch.arange(count + 1, device=groups.device, dtype=groups.dtype)
    first = (groups[None] < number[:, None]).sum(1, dtype=torch.int32)
    to_weights = torch.empty_like(weights, memory_format=torch.contiguous_format)
    weights_kernel[count, triton.cdiv(columns, BLOCK_WEIGHT), triton.cdiv(inner, BLOCK_WEIGHT)](
        padded.contiguous(), given, first, to_weights, inner, columns,
        ROWS=TILE, COLUMNS=BLOCK_WEIGHT, INNER=BLOCK_WEIGHT, WIDE=is_interpreted(),
    )  # fmt: skip
    return _times(given, weights.transpose(1, 2), groups), to_weights, None


GROUPED_MATMUL = Kernel(_forward, _backward, _covers)
