"""Matrix products of groups of rows with one weight per group: how experts run.

Rows arrive sorted by group.  The reference pads every group to whole tiles and multiplies tile by
tile, so all shapes are static and nothing is read back from the device.  On machines whose host owns
the memory (a CPU) a plain loop over the groups is faster.
"""

import torch
from torch import Tensor

TILE = 16


def grouped_matmul_reference(rows: Tensor, weights: Tensor, counts: Tensor) -> Tensor:
    """Return rows (N, D) of group e times weights[e].T; weights (E, F, D), counts (E,) sum to N."""
    slot, tile_group = _tiles(rows.shape[0], counts)
    padded = rows.new_zeros(tile_group.shape[0] * TILE, rows.shape[1])
    padded = padded.index_copy(0, slot, rows).view(-1, TILE, rows.shape[1])
    product = torch.bmm(padded, weights[tile_group].transpose(1, 2))
    return product.flatten(0, 1)[slot]


def _tiles(num_rows: int, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Return the padded slot of every row (N,) and the group of every tile (static count)."""
    num_groups = counts.shape[0]
    tiles = (counts + TILE - 1) // TILE
    tile_end, row_end = tiles.cumsum(0), counts.cumsum(0)
    row = torch.arange(num_rows, device=counts.device, dtype=torch.int64)
    group = (row[:, None] >= row_end[None]).sum(-1)
    shift = (tile_end - tiles) * TILE - (row_end - counts)
    slot = row + shift[group]
    num_tiles = num_rows // TILE + num_groups
    tile = torch.arange(num_tiles, device=counts.device, dtype=torch.int64)
    tile_group = (tile[:, None] >= tile_end[None]).sum(-1).clamp(max=num_groups - 1)
    return slot, tile_group


def grouped_matmul(rows: Tensor, weights: Tensor, counts: Tensor) -> Tensor:
    """Return the same as `grouped_matmul_reference`, by the faster way for the rows' device."""
    if rows.device.type != "cpu":
        return grouped_matmul_reference(rows, weights, counts)
    parts = rows.split(counts.tolist())
    return torch.cat([part @ weight.t() for part, weight in zip(parts, weights.unbind(), strict=True)])
