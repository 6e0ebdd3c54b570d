"""Sinkhorn normalisation in Triton, forward and backward: one small matrix per token, many tokens per program.

The backward pass repeats the iterations and stores only the sums that were divided by; it then inverts the iterations
one by one by multiplying with these sums.
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from sancai.ops.backends.triton_launch import are_supported
from sancai.ops.dispatch import Kernel

BLOCK_TOKENS = 64
MOST_STREAMS = 8


@triton.jit
def normalise(matrix, eps, AXIS: tl.constexpr):
    """Return a map (N, N, tokens) divided by its sums along an axis plus eps, and these."""
    total = tl.sum(matrix, AXIS) + eps
    return matrix / tl.expand_dims(total, AXIS), total


@triton.jit
def back(matrix, total, given, AXIS: tl.constexpr):
    """Return the map before a normalisation, and the gradient there; `matrix` and `given` are after it."""
    wide = tl.expand_dims(total, AXIS)
    along = tl.expand_dims(tl.sum(given * matrix, AXIS), AXIS)
    return matrix * wide, (given - along) / wide


@triton.jit
def softmax_of(logits):
    """Return the softmax along axis 1 of (N, N, tokens)."""
    powers = tl.exp(logits - tl.expand_dims(tl.max(logits, 1), 1))
    return powers / tl.expand_dims(tl.sum(powers, 1), 1)


@triton.jit
def places(tokens, N: tl.constexpr, BLOCK: tl.constexpr):
    """Return where a program's maps lie in (N, N, tokens), and its tokens."""
    token = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    cell = tl.arange(0, N)[:, None] * N + tl.arange(0, N)[None, :]
    place = cell[:, :, None].to(tl.int64) * tokens + token[None, None, :]
    return place, token


@triton.jit
def forward_kernel(logits, out, tokens, iterations, eps, N: tl.constexpr, BLOCK: tl.constexpr):
    """Write the nearly doubly stochastic maps of (N, N, tokens)."""
    place, token = places(tokens, N, BLOCK)
    valid = (token < tokens)[None, None, :]
    matrix = softmax_of(tl.load(logits + place, mask=valid, other=0.0).to(tl.float32)) + eps
    matrix, _ = normalise(matrix, eps, 0)
    for _number in range(1, iterations):  # not `_`: in Triton 3.2, of Ascend, no variable changes its type
        matrix, _ = normalise(matrix, eps, 1)
        matrix, _ = normalise(matrix, eps, 0)
    tl.store(out + place, matrix, mask=valid)


@triton.jit
def backward_kernel(logits, given, sums, out, tokens, iterations, eps, N: tl.constexpr, BLOCK: tl.constexpr):
    """Write the gradient of the logits; `sums` (2 · iterations, N, tokens) is room for what was divided by."""
    place, token = places(tokens, N, BLOCK)
    valid = (token < tokens)[None, None, :]
    line = tl.arange(0, N)[:, None].to(tl.int64) * tokens + token[None, :]
    there = (token < tokens)[None, :]
    step = tokens.to(tl.int64) * N
    weights = softmax_of(tl.load(logits + place, mask=valid, other=0.0).to(tl.float32))
    matrix, total = normalise(weights + eps, eps, 0)
    tl.store(sums + line, total, mask=there)
    for number in range(1, iterations):
        matrix, total = normalise(matrix, eps, 1)
        tl.store(sums + (2 * number - 1) * step + line, total, mask=there)
        matrix, total = normalise(matrix, eps, 0)
        tl.store(sums + 2 * number * step + line, total, mask=there)
    change = tl.load(given + place, mask=valid, other=0.0).to(tl.float32)
    tl.debug_barrier()  # other threads of this program wrote some of the sums read below
    for undone in range(1, iterations):
        number = iterations - undone
        total = tl.load(sums + 2 * number * step + line, mask=there, other=1.0)
        matrix, change = back(matrix, total, change, 0)
        total = tl.load(sums + (2 * number - 1) * step + line, mask=there, other=1.0)
        matrix, change = back(matrix, total, change, 1)
    total = tl.load(sums + line, mask=there, other=1.0)
    matrix, change = back(matrix, total, change, 0)
    change = weights * (change - tl.expand_dims(tl.sum(change * weights, 1), 1))
    tl.store(out + place, change, mask=valid)


def supports(logits: Tensor, iterations: int, eps: float) -> bool:
    """Say whether the number of streams is a power of two that fits a tile."""
    count = logits.shape[0]
    fits = count & (count - 1) == 0 and 1 < count <= MOST_STREAMS
    return fits and iterations > 0 and are_supported(logits) and logits.numel() > 0


def forward(logits: Tensor, iterations: int, eps: float) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return the maps of logits (N, N, ...) in fp32."""
    logits = logits.contiguous()
    count, tokens = logits.shape[0], logits[0, 0].numel()
    out = torch.empty_like(logits, dtype=torch.float32)
    grid = (triton.cdiv(tokens, BLOCK_TOKENS),)
    forward_kernel[grid](logits, out, tokens, iterations, eps, N=count, BLOCK=BLOCK_TOKENS)
    return out, ()


def gradient(logits: Tensor, iterations: int, eps: float, given: Tensor) -> Tensor:
    """Return the gradient of logits (N, N, ...) in fp32."""
    logits = logits.contiguous()
    count, tokens = logits.shape[0], logits[0, 0].numel()
    sums = torch.empty(2 * iterations - 1, count, tokens, device=logits.device, dtype=torch.float32)
    out = torch.empty_like(logits, dtype=torch.float32)
    grid = (triton.cdiv(tokens, BLOCK_TOKENS),)
    backward_kernel[grid](logits, given.contiguous(), sums, out, tokens, iterations, eps, N=count, BLOCK=BLOCK_TOKENS)
    return out


def _backward(args: tuple[Any, ...], kept: tuple[Tensor, ...], gradients: tuple[Tensor | None, ...]) -> tuple[Any, ...]:
    (logits, iterations, eps), given = args, gradients[0]
    assert given is not None
    return gradient(logits, iterations, eps, given).to(logits.dtype), None, None


SINKHORN = Kernel(forward, _backward, supports)
