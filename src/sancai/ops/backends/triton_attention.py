"""Sparse attention in Triton: one program per query and block of heads gathers the keys of the query.

All heads share one key-value head, so the heads of a query are the rows of a matrix product with its keys.  Each row of
the mask is first converted to a list of column indices; the sink initialises the online softmax.  The gradient of the
keys is accumulated by atomic additions, so its last bits are not deterministic.
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from sancai.ops.backends.triton_launch import SMALLEST_DOT, are_supported, block, is_interpreted
from sancai.ops.dispatch import Kernel

WIDEST_HEAD = 512
BLOCK_HEADS = 16
BLOCK_KEYS = 32
BLOCK_MASK = 1024


@triton.jit
def pack_kernel(mask, index, counts, num_keys, limit, BLOCK: tl.constexpr):
    """Write the columns where a row of the mask is set, and how many there are."""
    row = tl.program_id(0).to(tl.int64)
    count = 0
    for start in range(0, num_keys, BLOCK):
        column = start + tl.arange(0, BLOCK)
        seen = tl.load(mask + row * num_keys + column, mask=column < num_keys, other=0).to(tl.int32)
        place = count + tl.cumsum(seen, 0) - 1
        tl.store(index + row * limit + place, column, mask=(seen != 0) & (place < limit))
        count += tl.sum(seen, 0)
    tl.store(counts + row, tl.minimum(count, limit))


@triton.jit
def places_of(row, head, channel, heads, width):
    """Return where a row's heads lie in (rows, heads, width), and which of these places exist."""
    place = (row * heads + head[:, None]) * width + channel[None, :]
    return place, (head[:, None] < heads) & (channel[None, :] < width)


@triton.jit
def gathered(keys, index, slot, count, channel, width, WIDE: tl.constexpr):
    """Return a row's keys at some slots of its list, which slots hold one, which numbers exist and where they lie."""
    valid = slot < count
    key = tl.load(index + slot, mask=valid, other=0).to(tl.int64)
    place = key[:, None] * width + channel[None, :]
    there = valid[:, None] & (channel[None, :] < width)
    k = tl.load(keys + place, mask=there, other=0.0)
    if WIDE:
        k = k.to(tl.float32)
    return k, valid, there, place


@triton.jit
def scores_of(q, k, valid, scale):
    """Return scaled scores, (heads, keys) in fp32, far below zero where there is no key."""
    scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
    return tl.where(valid[None, :], scores, -1.0e30)


@triton.jit
def forward_kernel(
    query, keys, index, counts, sink, out, total_log, length, num_keys, limit, heads, width, scale,
    BLOCK_H: tl.constexpr, BLOCK_S: tl.constexpr, BLOCK_K: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Write the output (rows, H, K) and the logarithm of each softmax's denominator (rows, H)."""
    row = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1) * BLOCK_H + tl.arange(0, BLOCK_H)
    channel = tl.arange(0, BLOCK_K)
    place, inside = places_of(row, head, channel, heads, width)
    q = tl.load(query + place, mask=inside, other=0.0)
    if WIDE:
        q = q.to(tl.float32)
    top = tl.load(sink + head, mask=head < heads, other=0.0).to(tl.float32)
    total = tl.full((BLOCK_H,), 1.0, tl.float32)
    held = tl.zeros((BLOCK_H, BLOCK_K), tl.float32)
    count = tl.load(counts + row)
    base = keys + (row // length) * num_keys * width
    for start in range(0, count, BLOCK_S):
        slot = start + tl.arange(0, BLOCK_S)
        k, valid, _, _ = gathered(base, index + row * limit, slot, count, channel, width, WIDE)
        scores = scores_of(q, k, valid, scale)
        higher = tl.maximum(top, tl.max(scores, 1))
        weights = tl.exp(scores - higher[:, None])
        shrink = tl.exp(top - higher)
        total = total * shrink + tl.sum(weights, 1)
        held = held * shrink[:, None] + tl.dot(weights.to(k.dtype), k, input_precision="ieee")
        top = higher
    tl.store(out + place, (held / total[:, None]).to(out.dtype.element_ty), mask=inside)
    tl.store(total_log + row * heads + head, top + tl.log(total), mask=head < heads)


@triton.jit
def query_kernel(
    query, keys, index, counts, given, total_log, delta, out, length, num_keys, limit, heads, width, scale,
    BLOCK_H: tl.constexpr, BLOCK_S: tl.constexpr, BLOCK_K: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Write the gradient of the queries (rows, H, K)."""
    row = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1) * BLOCK_H + tl.arange(0, BLOCK_H)
    channel = tl.arange(0, BLOCK_K)
    place, inside = places_of(row, head, channel, heads, width)
    q = tl.load(query + place, mask=inside, other=0.0)
    g = tl.load(given + place, mask=inside, other=0.0)
    if WIDE:
        q, g = q.to(tl.float32), g.to(tl.float32)
    log = tl.load(total_log + row * heads + head, mask=head < heads, other=0.0)
    mean = tl.load(delta + row * heads + head, mask=head < heads, other=0.0)
    held = tl.zeros((BLOCK_H, BLOCK_K), tl.float32)
    count = tl.load(counts + row)
    base = keys + (row // length) * num_keys * width
    for start in range(0, count, BLOCK_S):
        slot = start + tl.arange(0, BLOCK_S)
        k, valid, _, _ = gathered(base, index + row * limit, slot, count, channel, width, WIDE)
        weights = tl.exp(scores_of(q, k, valid, scale) - log[:, None])
        against = tl.dot(g, tl.trans(k), input_precision="ieee")
        change = weights * (against - mean[:, None]) * scale
        held += tl.dot(change.to(k.dtype), k, input_precision="ieee")
    tl.store(out + place, held.to(out.dtype.element_ty), mask=inside)


@triton.jit
def keys_kernel(
    query, keys, index, counts, given, total_log, delta, out, length, num_keys, limit, heads, width, scale,
    BLOCK_H: tl.constexpr, BLOCK_S: tl.constexpr, BLOCK_K: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Add the gradient of a query's keys, as keys and as values, to (B, S, K) in fp32."""
    row = tl.program_id(0).to(tl.int64)
    slot = tl.program_id(1) * BLOCK_S + tl.arange(0, BLOCK_S)
    count = tl.load(counts + row)
    if tl.program_id(1) * BLOCK_S < count:
        channel = tl.arange(0, BLOCK_K)
        first_key = (row // length) * num_keys * width
        k, valid, there, place_of_key = gathered(
            keys + first_key, index + row * limit, slot, count, channel, width, WIDE
        )
        target = first_key + place_of_key
        held = tl.zeros((BLOCK_S, BLOCK_K), tl.float32)
        for first in range(0, heads, BLOCK_H):
            head = first + tl.arange(0, BLOCK_H)
            place, inside = places_of(row, head, channel, heads, width)
            q = tl.load(query + place, mask=inside, other=0.0)
            g = tl.load(given + place, mask=inside, other=0.0)
            if WIDE:
                q, g = q.to(tl.float32), g.to(tl.float32)
            log = tl.load(total_log + row * heads + head, mask=head < heads, other=0.0)
            mean = tl.load(delta + row * heads + head, mask=head < heads, other=0.0)
            weights = tl.exp(scores_of(q, k, valid, scale) - log[:, None])
            weights = tl.where(head[:, None] < heads, weights, 0.0)
            change = weights * (tl.dot(g, tl.trans(k), input_precision="ieee") - mean[:, None]) * scale
            held += tl.dot(tl.trans(change.to(k.dtype)), q, input_precision="ieee")
            held += tl.dot(tl.trans(weights.to(k.dtype)), g, input_precision="ieee")
        tl.atomic_add(out + target, held, mask=there)


def _covers(query: Tensor, keys: Tensor, mask: Tensor, sink: Tensor, limit: int) -> bool:
    return query.shape[-1] <= WIDEST_HEAD and are_supported(query, keys, sink) and min(query.shape) > 0 and limit > 0


def _blocks(width: int) -> dict[str, Any]:
    return {
        "BLOCK_H": BLOCK_HEADS, "BLOCK_S": BLOCK_KEYS, "BLOCK_K": block(width, SMALLEST_DOT),
        "WIDE": is_interpreted(), "num_warps": 8 if width > 128 else 4,
    }  # fmt: skip


def _forward(query: Tensor, keys: Tensor, mask: Tensor, sink: Tensor, limit: int) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return the output, and what the backward pass needs."""
    batch, length, heads, width = query.shape
    query, keys = query.contiguous(), keys.contiguous()
    rows, count = batch * length, keys.shape[1]
    limit = min(limit, max(count, 1))
    index = torch.empty(rows, limit, device=query.device, dtype=torch.int32)
    counts = torch.empty(rows, device=query.device, dtype=torch.int32)
    pack_kernel[rows,](mask.contiguous().view(torch.uint8), index, counts, count, limit, BLOCK=BLOCK_MASK)
    out = torch.empty_like(query)
    total_log = torch.empty(rows, heads, device=query.device, dtype=torch.float32)
    forward_kernel[rows, triton.cdiv(heads, BLOCK_HEADS)](
        query, keys, index, counts, sink, out, total_log, length, count, limit, heads, width, width**-0.5,
        **_blocks(width),
    )  # fmt: skip
    return out, (index, counts, out, total_log)


def _backward(args: tuple[Any, ...], kept: tuple[Tensor, ...], gradients: tuple[Tensor | None, ...]) -> tuple[Any, ...]:
    """Return the gradients of query, keys and sink."""
    query, keys, _, sink, _ = args
    index, counts, out, total_log = kept
    given = gradients[0]
    assert given is not None
    given, query, keys = (t.contiguous() for t in (given, query, keys))
    rows, heads, width = total_log.shape[0], query.shape[2], query.shape[3]
    delta = (given.float() * out.float()).sum(-1).view(rows, heads)
    shapes = query.shape[1], keys.shape[1], index.shape[1], heads, width, width**-0.5
    inputs = query, keys, index, counts, given, total_log, delta
    to_query, to_keys = torch.empty_like(query), torch.zeros_like(keys, dtype=torch.float32)
    query_kernel[rows, triton.cdiv(heads, BLOCK_HEADS)](*inputs, to_query, *shapes, **_blocks(width))
    keys_kernel[rows, triton.cdiv(index.shape[1], BLOCK_KEYS)](*inputs, to_keys, *shapes, **_blocks(width))
    to_sink = -((sink.float() - total_log).exp() * delta).sum(0)
    return to_query, to_keys.to(keys.dtype), None, to_sink.to(sink.dtype), None


SPARSE_ATTENTION = Kernel(_forward, _backward, _covers)
