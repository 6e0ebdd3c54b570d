"""Compression of token windows in Triton, forward and backward: one program per entry and block of channels.

The gradients of values and gates are accumulated by atomic additions, because windows may share tokens.
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from sancai.ops.backends.triton_launch import are_supported, block
from sancai.ops.compress import Columns
from sancai.ops.dispatch import Kernel

TILE = 4096
"""Numbers that one program holds of values and of gates."""


@triton.jit
def slots_of(columns, has, values, gates, ape, entry, channel, length, dim, entries,
             OVERLAPS: tl.constexpr, RATIO: tl.constexpr, SLOTS: tl.constexpr):  # fmt: skip
    """Return values, logits, which slots count, which exist, and where they lie in (T, W) of their row.

    columns, has: (B, E, slots), the previous window's before the own ones where windows overlap.
    """
    slot = tl.arange(0, SLOTS)
    count = RATIO * (2 if OVERLAPS else 1)
    width = dim * (2 if OVERLAPS else 1)
    inside = slot < count
    column = tl.load(columns + entry * count + slot, mask=inside, other=0)
    counts = tl.load(has + entry * count + slot, mask=inside, other=0) != 0
    half = tl.where(slot >= RATIO, dim, 0) if OVERLAPS else slot * 0
    place = ((entry // entries) * length + column[:, None]) * width + half[:, None] + channel[None, :]
    there = inside[:, None] & (channel[None, :] < dim)
    value = tl.load(values + place, mask=there, other=0.0).to(tl.float32)
    gate = tl.load(gates + place, mask=there, other=0.0).to(tl.float32)
    own = (slot % RATIO)[:, None] * width + half[:, None] + channel[None, :]
    logit = gate + tl.load(ape + own, mask=there, other=0.0)
    logit = tl.where(counts[:, None], logit, -1.0e30)
    return value, tl.where(inside[:, None], logit, float("-inf")), counts, there, place


@triton.jit
def weights_of(logit):
    """Return the softmax over slots."""
    powers = tl.exp(logit - tl.max(logit, 0)[None, :])
    return powers / tl.sum(powers, 0)[None, :]


@triton.jit
def forward_kernel(
    columns, has, values, gates, ape, out, length, dim, entries,
    OVERLAPS: tl.constexpr, RATIO: tl.constexpr, SLOTS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Write entries (B, E, dim)."""
    entry = tl.program_id(0).to(tl.int64)
    channel = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    value, logit, _, _, _ = slots_of(
        columns, has, values, gates, ape, entry, channel, length, dim, entries, OVERLAPS, RATIO, SLOTS
    )
    held = tl.sum(weights_of(logit) * value, 0)
    tl.store(out + entry * dim + channel, held.to(out.dtype.element_ty), mask=channel < dim)


@triton.jit
def backward_kernel(
    columns, has, values, gates, ape, given, to_values, to_gates, to_ape, length, dim, entries,
    OVERLAPS: tl.constexpr, RATIO: tl.constexpr, SLOTS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Add the gradients of values and gates (B, T, W); write each entry's share of ape's (B·E, slots, dim)."""
    entry = tl.program_id(0).to(tl.int64)
    channel = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    value, logit, counts, there, place = slots_of(
        columns, has, values, gates, ape, entry, channel, length, dim, entries, OVERLAPS, RATIO, SLOTS
    )
    weights = weights_of(logit)
    g = tl.load(given + entry * dim + channel, mask=channel < dim, other=0.0).to(tl.float32)
    pooled = tl.sum(weights * value, 0)
    change = weights * (value - pooled[None, :]) * g[None, :]
    change = tl.where(counts[:, None], change, 0.0)
    tl.atomic_add(to_values + place, weights * g[None, :], mask=there & (weights > 0))
    tl.atomic_add(to_gates + place, change, mask=there & counts[:, None])
    slot = tl.arange(0, SLOTS)
    count = RATIO * (2 if OVERLAPS else 1)
    tl.store(to_ape + (entry * count + slot[:, None]) * dim + channel[None, :], change, mask=there)


def _covers(values: Tensor, gates: Tensor, ape: Tensor, own: Columns, previous: Columns | None) -> bool:
    return are_supported(values, gates, ape) and own[0].numel() > 0 and values.dtype == gates.dtype


def _windows(own: Columns, previous: Columns | None) -> tuple[Tensor, Tensor]:
    """Return columns and presence of all slots of every entry, the previous window's first."""
    if previous is None:
        return own[0].contiguous(), own[1].contiguous().view(torch.uint8)
    return torch.cat([previous[0], own[0]], 2), torch.cat([previous[1], own[1]], 2).view(torch.uint8)


def _settings(own: Columns, previous: Columns | None, dim: int) -> tuple[tuple[int, int], dict[str, Any]]:
    """Return the grid and the constants of a launch."""
    ratio = own[0].shape[2]
    slots = block(ratio * (1 if previous is None else 2))
    channels = block(dim, most=max(TILE // slots, 16))
    grid = own[0].shape[0] * own[0].shape[1], triton.cdiv(dim, channels)
    return grid, {"OVERLAPS": previous is not None, "RATIO": ratio, "SLOTS": slots, "BLOCK": channels}


def _forward(
    values: Tensor, gates: Tensor, ape: Tensor, own: Columns, previous: Columns | None
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return the entries, and the joined windows."""
    columns, has = _windows(own, previous)
    batch, entries, _ = columns.shape
    dim = values.shape[2] // (1 if previous is None else 2)
    grid, constants = _settings(own, previous, dim)
    out = values.new_empty(batch, entries, dim)
    forward_kernel[grid](
        columns, has, values.contiguous(), gates.contiguous(), ape.contiguous(), out, values.shape[1], dim, entries,
        **constants,
    )  # fmt: skip
    return out, (columns, has)


def _backward(args: tuple[Any, ...], kept: tuple[Tensor, ...], gradients: tuple[Tensor | None, ...]) -> tuple[Any, ...]:
    """Return the gradients of values, gates and ape."""
    values, gates, ape, own, previous = args
    columns, has = kept
    given = gradients[0]
    assert given is not None
    batch, entries, slots = columns.shape
    dim = values.shape[2] // (1 if previous is None else 2)
    grid, constants = _settings(own, previous, dim)
    to_values, to_gates = (torch.zeros_like(t, dtype=torch.float32) for t in (values.contiguous(), gates.contiguous()))
    to_ape = to_values.new_empty(batch * entries, slots, dim)
    backward_kernel[grid](
        columns, has, values.contiguous(), gates.contiguous(), ape.contiguous(), given.contiguous(),
        to_values, to_gates, to_ape, values.shape[1], dim, entries, **constants,
    )  # fmt: skip
    halves = to_ape.sum(0).split(constants["RATIO"], 0)
    return to_values.to(values.dtype), to_gates.to(gates.dtype), torch.cat(halves, -1).to(ape.dtype), None, None


COMPRESS = Kernel(_forward, _backward, _covers)
