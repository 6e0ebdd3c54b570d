"""Matrix products of groups of rows with one weight per group: how experts run.

Rows arrive sorted by group and are laid out with padding so that every group is whole tiles.  Two
layouts give the same numbers: `tiled` (static shapes, nothing is read back from the device; each tile
takes its group's weight) and `even` (all groups padded to the largest, one batched product; the largest
count is read on the host, which costs nothing on a CPU).  Shapes are rounded up to few sizes, because
kernels are prepared anew for every new shape.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

TILE = 16


@dataclass(frozen=True)
class GroupedRows:
    """A plan for N sorted rows in E groups.

    slot: (N,) place of each row among the padded rows.
    tile_group: (tiles,) group of each tile, or None if tile e is group e.
    shape: (tiles, rows a tile).
    """

    slot: Tensor
    tile_group: Tensor | None
    shape: tuple[int, int]

    def scatter(self, rows: Tensor) -> Tensor:
        """Return the rows (N, D) laid out as (tiles, rows a tile, D), zeros elsewhere."""
        padded = rows.new_zeros(self.shape[0] * self.shape[1], rows.shape[1])
        return padded.index_copy(0, self.slot, rows).unflatten(0, self.shape)

    def matmul(self, tiles: Tensor, weights: Tensor) -> Tensor:
        """Return each tile times its group's weight transposed; weights (E, F, D)."""
        chosen = weights if self.tile_group is None else weights[self.tile_group]
        return torch.bmm(tiles, chosen.transpose(1, 2))

    def gather(self, tiles: Tensor) -> Tensor:
        """Return the rows (N, F) again."""
        return tiles.flatten(0, 1).index_select(0, self.slot)


def tiled(num_rows: int, counts: Tensor) -> GroupedRows:
    """Plan with static shapes; counts (E,) int64 sum to num_rows."""
    num_groups = counts.shape[0]
    tiles = (counts + TILE - 1) // TILE
    tile_end, row_end = tiles.cumsum(0), counts.cumsum(0)
    group = _group_of(num_rows, row_end)
    shift = (tile_end - tiles) * TILE - (row_end - counts)
    row = torch.arange(num_rows, device=counts.device, dtype=torch.int64)
    num_tiles = num_rows // TILE + num_groups
    tile_group = _group_of(num_tiles, tile_end).clamp(max=num_groups - 1)
    return GroupedRows(row + shift[group], tile_group, (num_tiles, TILE))


def even(num_rows: int, counts: Tensor) -> GroupedRows:
    """Plan with every group padded to the largest, rounded up so that sizes repeat."""
    grain = max(TILE, 1 << max(num_rows // 64 - 1, 0).bit_length())
    height = -(-int(counts.max()) // grain) * grain
    row_end = counts.cumsum(0)
    row = torch.arange(num_rows, device=counts.device, dtype=torch.int64)
    group = _group_of(num_rows, row_end)
    slot = row + group * height - (row_end - counts)[group]
    return GroupedRows(slot, None, (counts.shape[0], height))


def group_rows(num_rows: int, counts: Tensor) -> GroupedRows:
    """Return the faster plan for the device of `counts`."""
    return even(num_rows, counts) if counts.device.type == "cpu" else tiled(num_rows, counts)


def _group_of(count: int, ends: Tensor) -> Tensor:
    """Return for each of `count` places the group whose end lies beyond it."""
    place = torch.arange(count, device=ends.device, dtype=torch.int64)
    return (place[:, None] >= ends[None]).sum(-1)
