"""Grouped matrix multiplication for mixture-of-experts layers: each group of rows has its own weight.

Rows are sorted by group and padded.  Two plans give the same results: `tiled` (static shapes and no device-to-host
copy; each tile is multiplied by its group's weight) and `ragged` (one product per group that has rows; the counts are
read on the host, which costs nothing on a CPU).  Group heights are rounded up to a few sizes, because libraries prepare
a kernel for each new shape.

Letters: N rows (token and expert pairs), P padded rows, E groups (experts), D input and F output channels.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sancai.ops.dispatch import operator
from sancai.ops.quantisation import PackedStack
from sancai.ops.verification import SampleInput, SampleTensors

TILE = 16
COPIED_BYTES = 1 << 30
"""Upper bound on the bytes of weights that tiles copy at once; larger products are split into chunks."""
FEW_HEIGHTS = 48
"""Rows of a group are rounded up to about 1/48 of all rows."""
FEW_ROWS = 8
"""Up to this many rows (decoding) nothing is padded.  Above it, full tiles make results batch-invariant: bitwise
independent of neighbouring rows."""


@dataclass(frozen=True)
class GroupedRows:
    """The layout of N sorted rows in E groups.

    slot: (N,) index of each row among the padded rows, int64.
    heights: number of padded rows of each group, or None for tiles of equal height.
    tile_group: (tiles,) group of each tile, int64; None if `heights` is given.
    """

    slot: Tensor
    heights: tuple[int, ...] | None
    tile_group: Tensor | None = None

    def scatter(self, rows: Tensor) -> Tensor:
        """Scatter rows (N, D) into (P, D), zero elsewhere."""
        count = sum(self.heights) if self.heights is not None else self.tiles.shape[0] * TILE
        return rows.new_zeros(count, rows.shape[1]).index_copy(0, self.slot, rows)

    def matmul(self, padded: Tensor, weights: Tensor | PackedStack) -> Tensor:
        """Multiply padded rows (P, D) by the transposed weight of their group; weights (E, F, D); return (P, F)."""
        return grouped_matmul(padded, weights, self)

    def gather(self, padded: Tensor) -> Tensor:
        """Gather the rows (N, F) from padded rows (P, F)."""
        return padded.index_select(0, self.slot)

    @property
    def tiles(self) -> Tensor:
        """The group of each tile (tiles,), for a plan with tiles of equal height."""
        assert self.tile_group is not None
        return self.tile_group


def _samples(make: SampleTensors) -> list[SampleInput]:
    """Return sample inputs of grouped_matmul(padded, weights, plan), with tiled plans."""

    def sample(name: str, counts: list[int], wide: int, narrow: int) -> SampleInput:
        plan = tiled(sum(counts), torch.tensor(counts, device=make.device, dtype=torch.int32))
        padded = plan.scatter(make.normal(sum(counts), wide))
        return SampleInput(name, (padded, make.normal(len(counts), narrow, wide, scale=wide**-0.5), plan), (0, 1))

    if make.benchmark:
        return [sample("one layer", [96] * 256, 2048, 1024)]
    return [sample("uneven groups", [5, 0, 17, 31], 24, 40), sample("one full group", [0, 0, 3 * TILE], 16, 16)]


@operator("grouped_matmul", _samples)
def grouped_matmul(padded: Tensor, weights: Tensor | PackedStack, plan: GroupedRows) -> Tensor:
    """Multiply padded rows (P, D) by the transposed weight (F, D) of their group; return (P, F).

    Padding rows are zero and stay zero.
    """
    if plan.heights is None:
        return _tiles_matmul(padded.unflatten(0, (-1, TILE)), weights, plan.tiles).flatten(0, 1)
    if isinstance(weights, PackedStack):
        parts = enumerate(padded.split(plan.heights))
        return torch.cat([rows @ weights.one(number).T for number, rows in parts if len(rows)])
    groups = zip(padded.split(plan.heights), weights.unbind(), strict=True)
    return torch.cat([rows @ weight.T for rows, weight in groups if len(rows)])


def _tiles_matmul(rows: Tensor, weights: Tensor | PackedStack, groups: Tensor) -> Tensor:
    """Multiply tiles (tiles, TILE, D) by the transposed weight of their group; return (tiles, TILE, F)."""
    if isinstance(weights, PackedStack):
        at_once = max(COPIED_BYTES // weights.bytes_of_one, 1)
        if len(weights.weight) > at_once:
            return _in_chunks(rows, weights.some, groups, at_once)
        weights = weights.all()
    at_once = max(COPIED_BYTES // (math.prod(weights.shape[1:]) * weights.element_size()), 1)
    if len(groups) > at_once:
        return _ChunkedTiles.apply(rows, weights, groups, at_once)  # type: ignore[no-untyped-call]
    return torch.bmm(rows, weights[groups].transpose(1, 2))


def _in_chunks(rows: Tensor, weights_of: Callable[[Tensor], Tensor], groups: Tensor, at_once: int) -> Tensor:
    """Multiply tiles by the transposed weight of their group, `at_once` tiles at a time."""
    chunks = zip(rows.split(at_once), groups.split(at_once), strict=True)
    return torch.cat([torch.bmm(part, weights_of(of).transpose(1, 2)) for part, of in chunks])


class _ChunkedTiles(torch.autograd.Function):
    """`rows @ weights[groups].T`, `at_once` tiles at a time; the backward pass gathers the weights again."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weights: Tensor, groups: Tensor, at_once: int) -> Tensor:
        ctx.save_for_backward(rows, weights, groups)
        ctx.at_once = at_once
        return _in_chunks(rows, weights.__getitem__, groups, at_once)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        rows, weights, groups = ctx.saved_tensors
        to_rows, to_weights = [], torch.zeros_like(weights)
        for part, above, of in zip(*(t.split(ctx.at_once) for t in (rows, grad, groups)), strict=True):
            to_rows.append(torch.bmm(above, weights[of]))
            to_weights.index_put_((of,), torch.bmm(above.transpose(1, 2), part), accumulate=True)
        return torch.cat(to_rows), to_weights, None, None


def tiled(num_rows: int, counts: Tensor) -> GroupedRows:
    """Return a plan with static shapes for `counts` (E,), int32, which sum to `num_rows`.

    Arithmetic is in int32, which every chip supports; only indices become int64.
    """
    num_groups = counts.shape[0]
    tiles = (counts + TILE - 1) // TILE
    tile_end, row_end = _ends(tiles), _ends(counts)
    offset = (tile_end - tiles) * TILE - (row_end - counts)
    num_tiles = num_rows // TILE + num_groups
    group = _group_of(num_tiles, tile_end).clamp(max=num_groups - 1)
    return GroupedRows(_moved(num_rows, row_end, offset), None, group.long())


def ragged(num_rows: int, counts: Tensor) -> GroupedRows:
    """Return a plan that rounds every group up to a multiple of a grain; the grain grows with the number of rows."""
    grain = 1 if num_rows <= FEW_ROWS else max(TILE, 1 << max(num_rows // FEW_HEIGHTS, 1).bit_length() - 1)
    heights = tuple(-(-count // grain) * grain for count in counts.tolist())
    padded = torch.tensor(heights, device=counts.device, dtype=torch.int32)
    row_end = _ends(counts)
    offset = _ends(padded) - padded - (row_end - counts)
    return GroupedRows(_moved(num_rows, row_end, offset), heights)


def group_rows(num_rows: int, counts: Tensor) -> GroupedRows:
    """Return the faster plan for the device of `counts`."""
    return ragged(num_rows, counts) if counts.device.type == "cpu" else tiled(num_rows, counts)


def _ends(sizes: Tensor) -> Tensor:
    """Return the cumulative sum of `sizes` (E,), int32."""
    return sizes.cumsum(0, dtype=torch.int32)


def _group_of(count: int, ends: Tensor) -> Tensor:
    """Return for each of `count` positions the first group that ends after it, int32."""
    position = torch.arange(count, device=ends.device, dtype=torch.int32)
    return (position[:, None] >= ends[None]).sum(-1, dtype=torch.int32)


def _moved(num_rows: int, ends: Tensor, offset: Tensor) -> Tensor:
    """Return the index of every row, moved by the offset of its group, int64."""
    row = torch.arange(num_rows, device=ends.device, dtype=torch.int32)
    return (row + offset.index_select(0, _group_of(num_rows, ends))).long()
