"""Sample inputs of each operator: small ones for correctness, one of realistic size for the benchmark.

The small ones cover what kernels get wrong: sizes that fill no tile, queries without keys, ties, clipped values.  The
large ones have the shapes of one layer of a large model.
"""

from dataclasses import replace

import torch
from torch import Tensor

from sancai.device.transfer import to_device
from sancai.ops.verification import SampleInput, SampleTensors


def rms_norm_samples(make: SampleTensors) -> list[SampleInput]:
    """Return sample inputs of rms_norm(x, weight, eps)."""
    if make.benchmark:
        rows, dim = (4096, 256) if make.on_host else (4096, 4096)
        return [SampleInput("hidden states", (make.normal(rows, dim), make.fp32(dim), 1e-6), (0, 1))]
    return [
        SampleInput("with a weight", (make.normal(3, 5, 48), make.fp32(48), 1e-6), (0, 1)),
        SampleInput("without", (make.normal(2, 3, 4, 40, scale=30.0), None, 1e-6), (0,)),
    ]


def rope_samples(make: SampleTensors) -> list[SampleInput]:
    """Return sample inputs of rotate(x, cos, sin)."""

    def sample(name: str, shape: tuple[int, ...], pairs: int) -> SampleInput:
        angle = make.fp32(*shape[:2], *([1] * (len(shape) - 3)), pairs, scale=3.0)
        return SampleInput(name, (make.normal(*shape), angle.cos(), angle.sin()), (0,))

    if make.benchmark:
        return [sample("queries", (20, 64, 4, 128) if make.on_host else (1, 4096, 64, 512), 32)]
    return [sample("queries", (2, 5, 3, 24), 8), sample("keys", (2, 5, 16), 4), sample("everything", (1, 3, 2, 8), 4)]


def _attention_inputs(
    make: SampleTensors, shape: tuple[int, int, int, int, int], share: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return query, keys, mask and sink for (B, T, H, K, S); the first query attends to no key."""
    batch, length, heads, width, count = shape
    mask = make.bernoulli(batch, length, count, p=share)
    mask[:, :1] = False
    return make.normal(batch, length, heads, width), make.normal(batch, count, width), mask, make.fp32(heads)


def attention_samples(make: SampleTensors) -> list[SampleInput]:
    """Return sample inputs of attention(query, keys, mask, sink)."""
    if make.benchmark:
        shape = (20, 64, 4, 128, 120) if make.on_host else (1, 1024, 32, 512, 1536)
        return [SampleInput("one layer", _attention_inputs(make, shape, 0.4), (0, 1, 3))]
    small = [("few keys", (2, 5, 3, 16, 11)), ("one key", (1, 4, 2, 16, 1)), ("many heads", (1, 3, 20, 32, 70))]
    return [SampleInput(name, _attention_inputs(make, shape, 0.6), (0, 1, 3)) for name, shape in small]


def sparse_attention_samples(make: SampleTensors) -> list[SampleInput]:
    """Return sample inputs of sparse_attention(query, keys, mask, sink, limit)."""

    def sample(name: str, shape: tuple[int, int, int, int, int], share: float, spare: int) -> SampleInput:
        inputs = _attention_inputs(replace(make, device=torch.device("cpu")), shape, share)
        most = int(inputs[2].sum(-1).max())
        return SampleInput(name, (*(to_device(t, make.device) for t in inputs), most + spare), (0, 1, 3))

    if make.benchmark:
        return [sample("one layer", (1, 1024, 32, 512, 4096), 0.15, 0)]
    return [
        sample("few keys", (2, 5, 3, 16, 11), 0.5, 0),
        sample("a loose limit", (1, 4, 2, 32, 9), 0.3, 20),
        sample("many keys", (1, 6, 20, 32, 150), 0.4, 3),
        sample("a released model's width", (2, 3, 4, 512, 24), 0.4, 20),
    ]


def compress_samples(make: SampleTensors) -> list[SampleInput]:
    """Return sample inputs of compress(values, gates, ape, own, previous)."""

    def sample(name: str, rows: tuple[int, int, int, int], ratio: int, overlaps: bool) -> SampleInput:
        batch, length, entries, dim = rows
        width = dim * (2 if overlaps else 1)

        def windows() -> tuple[Tensor, Tensor]:
            has = make.bernoulli(batch, entries, ratio, p=0.8)
            return make.integers(batch, entries, ratio, below=length), has

        own, previous = windows(), windows() if overlaps else None
        own[1][:, 0] = False  # a row with fewer windows
        if previous is not None:
            previous[1][:, :2] = False
        slots = make.normal(batch, length, width), make.normal(batch, length, width, scale=3.0)
        return SampleInput(name, (*slots, make.fp32(ratio, width), own, previous), (0, 1, 2))

    if make.benchmark:
        return [sample("one layer", (20, 64, 16, 128) if make.on_host else (1, 8192, 2048, 512), 4, True)]
    return [sample("overlapping", (2, 13, 3, 16), 4, True), sample("windows of six", (2, 19, 2, 24), 6, False)]


def sinkhorn_samples(make: SampleTensors) -> list[SampleInput]:
    """Return sample inputs of sinkhorn(logits, iterations, eps)."""
    if make.benchmark:
        return [SampleInput("one layer", (make.fp32(4, 4, 1, 8192), 20, 1e-6), (0,))]
    return [
        SampleInput("four streams", (make.fp32(4, 4, 2, 5, scale=2.0), 20, 1e-6), (0,)),
        SampleInput("near identity", (make.fp32(4, 4, 1, 3, scale=6.0), 20, 1e-6), (0,)),
    ]


def hyper_post_samples(make: SampleTensors) -> list[SampleInput]:
    """Return sample inputs of mix(comb, streams, post, output)."""

    def sample(name: str, batch: int, length: int, streams: int, dim: int) -> SampleInput:
        comb, post = make.fp32(streams, streams, batch, length), make.fp32(streams, batch, length)
        state, output = make.normal(batch, length, streams, dim), make.normal(batch, length, dim)
        return SampleInput(name, (comb, state, post, output), (0, 1, 2, 3))

    if make.benchmark:
        return [sample("one layer", 1, 4096, 4, 4096)]
    return [sample("four streams", 2, 5, 4, 24), sample("many channels", 1, 3, 4, 200)]


def route_samples(make: SampleTensors) -> list[SampleInput]:
    """Return sample inputs of route(hidden, weight, bias, given, top_k, scale)."""

    def sample(name: str, count: int, dim: int, experts: int, top_k: int) -> SampleInput:
        hidden, weight = make.normal(count, dim), make.fp32(experts, dim, scale=dim**-0.5)
        return SampleInput(name, (hidden, weight, make.fp32(experts), None, top_k, 1.5), (0, 1))

    if make.benchmark:
        return [sample("one layer", 4096, 4096, 256, 6)]
    free = sample("by affinity", 9, 24, 16, 3)
    hidden, weight, _, _, top_k, scale = free.arguments
    given = torch.stack([make.integers(9, below=8), 8 + make.integers(9, below=4), 12 + make.integers(9, below=4)], -1)
    return [free, SampleInput("by token", (hidden, weight, None, given, top_k, scale), (0, 1))]


def swiglu_samples(make: SampleTensors) -> list[SampleInput]:
    """Return sample inputs of swiglu(gate, up, limit)."""
    if make.benchmark:
        return [SampleInput("one layer", (make.normal(8192, 2048), make.normal(8192, 2048), 10.0), (0, 1))]
    return [SampleInput("clipped", (make.normal(7, 24, scale=4.0), make.normal(7, 24, scale=4.0), 2.0), (0, 1))]


def adamw_samples(make: SampleTensors) -> list[SampleInput]:
    """Return sample inputs of fused_adamw(parameters, gradients, moments, steps, settings)."""
    large = [(1280, 256), (256,)] if make.on_host else [(4096, 4096), (4096,)]
    shapes = large if make.benchmark else [(5, 7), (3,), (2, 3, 4)]
    parameters, gradients, means = ([make.fp32(*s) for s in shapes] for _ in range(3))
    squares = [make.fp32(*s).square() for s in shapes]
    steps = [torch.full((), 3.0, device="cpu", dtype=torch.float32) for _ in shapes]
    return [SampleInput("third step", (parameters, gradients, means, squares, steps, (1e-3, 0.9, 0.95, 1e-8, 0.05)))]
