"""The problems on which providers of each role are tried: small ones for rightness, one large one for speed.

Small ones hold what kernels get wrong: sizes that fill no tile, rows that read nothing, ties, clipped numbers.
Large ones have the shapes of one layer of a model worth a kernel.
"""

from dataclasses import replace

import torch
from torch import Tensor

from sancai.device.host import to_device
from sancai.ops.trial import Case, Draw


def rms_norm_cases(draw: Draw) -> list[Case]:
    """Return calls of rms_norm(x, weight, eps)."""
    if draw.is_large:
        rows, dim = (4096, 256) if draw.is_on_host else (4096, 4096)
        return [Case("hidden states", (draw.normal(rows, dim), draw.wide(dim), 1e-6), (0, 1))]
    return [
        Case("with a weight", (draw.normal(3, 5, 48), draw.wide(48), 1e-6), (0, 1)),
        Case("without", (draw.normal(2, 3, 4, 40, scale=30.0), None, 1e-6), (0,)),
    ]


def rope_cases(draw: Draw) -> list[Case]:
    """Return calls of rotate(x, cos, sin)."""

    def case(name: str, shape: tuple[int, ...], pairs: int) -> Case:
        angle = draw.wide(*shape[:2], *([1] * (len(shape) - 3)), pairs, scale=3.0)
        return Case(name, (draw.normal(*shape), angle.cos(), angle.sin()), (0,))

    if draw.is_large:
        return [case("queries", (20, 64, 4, 128) if draw.is_on_host else (1, 4096, 64, 512), 32)]
    return [case("queries", (2, 5, 3, 24), 8), case("keys", (2, 5, 16), 4), case("everything", (1, 3, 2, 8), 4)]


def _reading(draw: Draw, shape: tuple[int, int, int, int, int], share: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return query, keys, mask and sink for (B, T, H, K, S); the first query reads nothing."""
    batch, length, heads, width, count = shape
    mask = draw.chances(batch, length, count, share=share)
    mask[:, :1] = False
    return draw.normal(batch, length, heads, width), draw.normal(batch, count, width), mask, draw.wide(heads)


def attention_cases(draw: Draw) -> list[Case]:
    """Return calls of attention(query, keys, mask, sink)."""
    if draw.is_large:
        shape = (20, 64, 4, 128, 120) if draw.is_on_host else (1, 1024, 32, 512, 1536)
        return [Case("one layer", _reading(draw, shape, 0.4), (0, 1, 3))]
    small = [("few keys", (2, 5, 3, 16, 11)), ("one key", (1, 4, 2, 16, 1)), ("many heads", (1, 3, 20, 32, 70))]
    return [Case(name, _reading(draw, shape, 0.6), (0, 1, 3)) for name, shape in small]


def sparse_attention_cases(draw: Draw) -> list[Case]:
    """Return calls of sparse_attention(query, keys, mask, sink, limit)."""

    def case(name: str, shape: tuple[int, int, int, int, int], share: float, spare: int) -> Case:
        reading = _reading(replace(draw, device=torch.device("cpu")), shape, share)
        most = int(reading[2].sum(-1).max())
        return Case(name, (*(to_device(t, draw.device) for t in reading), most + spare), (0, 1, 3))

    if draw.is_large:
        return [case("one layer", (1, 1024, 32, 512, 4096), 0.15, 0)]
    return [
        case("few keys", (2, 5, 3, 16, 11), 0.5, 0),
        case("a loose limit", (1, 4, 2, 32, 9), 0.3, 20),
        case("many keys", (1, 6, 20, 32, 150), 0.4, 3),
        case("a released model's width", (2, 3, 4, 512, 24), 0.4, 20),
    ]


def indexer_topk_cases(draw: Draw) -> list[Case]:
    """Return calls of indexer_topk(query, keys, weights, visible, recency, k)."""

    def case(name: str, shape: tuple[int, int, int, int, int], k: int) -> Case:
        batch, length, heads, width, count = shape
        query, keys = draw.normal(batch, length, heads, width), draw.normal(batch, count, width)
        keys[:, ::3] = 0  # equal scores
        recency = torch.stack([torch.arange(count, device=draw.device, dtype=torch.int32).flip(0)] * batch)
        visible = draw.chances(batch, length, count, share=0.7)
        return Case(name, (query, keys, draw.wide(batch, length, heads), visible, recency, k))

    if draw.is_large:
        return [case("one layer", (1, 1024, 64, 128, 4096), 512)]
    return [case("ties", (2, 5, 4, 16, 12), 3), case("few visible", (1, 3, 2, 16, 6), 5)]


def compress_cases(draw: Draw) -> list[Case]:
    """Return calls of compress(values, gates, ape, own, previous)."""

    def case(name: str, rows: tuple[int, int, int, int], ratio: int, overlaps: bool) -> Case:
        batch, length, entries, dim = rows
        width = dim * (2 if overlaps else 1)

        def windows() -> tuple[Tensor, Tensor]:
            has = draw.chances(batch, entries, ratio, share=0.8)
            return draw.integers(batch, entries, ratio, below=length), has

        own, previous = windows(), windows() if overlaps else None
        own[1][:, 0] = False  # a row with fewer windows
        if previous is not None:
            previous[1][:, :2] = False
        slots = draw.normal(batch, length, width), draw.normal(batch, length, width, scale=3.0)
        return Case(name, (*slots, draw.wide(ratio, width), own, previous), (0, 1, 2))

    if draw.is_large:
        return [case("one layer", (1, 8192, 2048, 512), 4, True)]
    return [case("overlapping", (2, 13, 3, 16), 4, True), case("windows of six", (2, 19, 2, 24), 6, False)]


def sinkhorn_cases(draw: Draw) -> list[Case]:
    """Return calls of sinkhorn(logits, iterations, eps)."""
    if draw.is_large:
        return [Case("one layer", (draw.wide(4, 4, 1, 8192), 20, 1e-6), (0,))]
    return [
        Case("four streams", (draw.wide(4, 4, 2, 5, scale=2.0), 20, 1e-6), (0,)),
        Case("near identity", (draw.wide(4, 4, 1, 3, scale=6.0), 20, 1e-6), (0,)),
    ]


def hyper_post_cases(draw: Draw) -> list[Case]:
    """Return calls of mix(comb, streams, post, output)."""

    def case(name: str, batch: int, length: int, streams: int, dim: int) -> Case:
        comb, post = draw.wide(streams, streams, batch, length), draw.wide(streams, batch, length)
        state, output = draw.normal(batch, length, streams, dim), draw.normal(batch, length, dim)
        return Case(name, (comb, state, post, output), (0, 1, 2, 3))

    if draw.is_large:
        return [case("one layer", 1, 4096, 4, 4096)]
    return [case("four streams", 2, 5, 4, 24), case("many channels", 1, 3, 4, 200)]


def route_cases(draw: Draw) -> list[Case]:
    """Return calls of route(hidden, weight, bias, given, top_k, scale)."""

    def case(name: str, count: int, dim: int, experts: int, top_k: int) -> Case:
        hidden, weight = draw.normal(count, dim), draw.wide(experts, dim, scale=dim**-0.5)
        return Case(name, (hidden, weight, draw.wide(experts), None, top_k, 1.5), (0, 1))

    if draw.is_large:
        return [case("one layer", 4096, 4096, 256, 6)]
    free = case("by affinity", 9, 24, 16, 3)
    hidden, weight, _, _, top_k, scale = free.arguments
    given = torch.stack([draw.integers(9, below=8), 8 + draw.integers(9, below=4), 12 + draw.integers(9, below=4)], -1)
    return [free, Case("by token", (hidden, weight, None, given, top_k, scale), (0, 1))]


def swiglu_cases(draw: Draw) -> list[Case]:
    """Return calls of swiglu(gate, up, limit)."""
    if draw.is_large:
        return [Case("one layer", (draw.normal(8192, 2048), draw.normal(8192, 2048), 10.0), (0, 1))]
    return [Case("clipped", (draw.normal(7, 24, scale=4.0), draw.normal(7, 24, scale=4.0), 2.0), (0, 1))]


def adamw_cases(draw: Draw) -> list[Case]:
    """Return calls of fused_adamw(parameters, gradients, moments, steps, settings)."""
    large = [(1280, 256), (256,)] if draw.is_on_host else [(4096, 4096), (4096,)]
    shapes = large if draw.is_large else [(5, 7), (3,), (2, 3, 4)]
    parameters, gradients, means = ([draw.wide(*s) for s in shapes] for _ in range(3))
    squares = [draw.wide(*s).square() for s in shapes]
    steps = [torch.full((), 3.0, device="cpu", dtype=torch.float32) for _ in shapes]
    return [Case("third step", (parameters, gradients, means, squares, steps, (1e-3, 0.9, 0.95, 1e-8, 0.05)))]
