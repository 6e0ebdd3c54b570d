"""Small operator cases on the device against the CPU, results and gradients, in every number format.

Only operators that the model, its training and its sampling use; sizes are odd on purpose.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sancai.device.platform import Platform
from sancai.device.transfer import to_device, to_host
from sancai.doctor.finding import Finding
from sancai.errors import first_line
from sancai.ops import attention, grouped_matmul, norm, rope, sinkhorn, streams, topk

Function = Callable[..., Tensor]
TOLERANCE = {"float32": 2e-4, "float16": 2e-2, "bfloat16": 6e-2}
"""Largest difference allowed, in units of the largest number of the CPU's result."""
MOST_SHOWN = 6
SIZES = ((3, 17, 32), (2, 64, 48))
"""(batch, length, width)."""


@dataclass(frozen=True)
class Case:
    """A function of float tensors of these shapes; `wide` ones run in fp32 only."""

    name: str
    function: Function
    shapes: tuple[tuple[int, ...], ...]
    wide: bool = False


def operators(here: Platform) -> Iterator[Finding]:
    """Run every case; name those that fail or differ."""
    problems, count, largest = [], 0, 0.0
    for dtype in (d for d in here.chip.compute_dtypes if d in TOLERANCE):
        for case in (c for size in SIZES for c in cases(*size)):
            if case.wide and dtype != "float32":
                continue
            count += 2
            found = _compare(case, here.device, dtype)
            if isinstance(found, str):
                problems.append(f"{case.name} {list(case.shapes[0])} in {dtype}: {found}")
            else:
                largest = max(largest, found / TOLERANCE[dtype])
    facts = {"cases": count, "problems": problems, "largest_share_of_tolerance": round(largest, 4)}
    if problems:
        more = f" and {len(problems) - MOST_SHOWN} more" if len(problems) > MOST_SHOWN else ""
        told = f"{len(problems)} of {count} cases differ: {'; '.join(problems[:MOST_SHOWN])}{more}"
        yield Finding("operators", "bad", told, "report these with the versions above", facts)
    else:
        told = f"{count} cases agree with the CPU, the worst uses {largest:.0%} of its tolerance"
        yield Finding("operators", "good", told, facts=facts)


def cases(batch: int, length: int, width: int) -> Iterator[Case]:
    """Yield the cases for one size."""
    rows, square = (batch, length, width), (batch, length, length)
    yield Case("mm", lambda x, w: x @ w, (rows, (width, 24)))
    yield Case("bmm", torch.bmm, (square, rows))
    yield Case("linear", F.linear, (rows, (24, width)))
    yield Case("einsum", lambda x, y: torch.einsum("bld,bmd->blm", x, y), (rows, rows))
    yield Case("conv2d", lambda x, w: F.conv2d(x[:, None], w, padding=1), (rows, (5, 1, 3, 3)))
    yield Case("embedding", lambda w: F.embedding(_indices(w, 40, 13), w), ((13, width),))
    for name, function in _ELEMENTWISE.items():
        yield Case(name, function, (rows,))
    yield Case("mul, add, lerp", lambda x, y: torch.lerp(x * y, x + y, 0.3), (rows, rows))
    yield Case("cat, stack", lambda x, y: torch.stack([torch.cat([x, y], 1), torch.cat([y, x], 1)]), (rows, rows))
    yield Case("masked_fill", lambda x: x.masked_fill(x > 0.5, -1e30).clamp(min=-9), (rows,), wide=True)
    yield Case("gather", lambda x: x.gather(-1, _indices(x, width * batch * length, width).view(rows)), (rows,))
    yield Case("index_select", lambda x: x[0].index_select(0, _indices(x, 23, length)), (rows,))
    yield Case("index_copy", lambda x: x.new_zeros(length, width).index_copy(0, _reverse(x, length), x[0]), (rows,))
    yield Case("scatter", lambda x: torch.zeros_like(x).scatter(-1, _reverse(x, width).expand(rows), x), (rows,))
    yield Case("softmax", lambda x: x.softmax(-1), (rows,), wide=True)
    yield Case("log_softmax", lambda x: x.log_softmax(-1), (rows,), wide=True)
    yield Case("logsumexp", lambda x: x.logsumexp(-1), (rows,), wide=True)
    yield Case("cross_entropy", lambda x: F.cross_entropy(x[0], _indices(x, length, width)), (rows,), wide=True)
    yield Case("cumsum", lambda x: x.cumsum(1), (rows,), wide=True)
    yield Case("sort", lambda x: torch.sort(x, dim=-1, stable=True, descending=True).values, (rows,), wide=True)
    yield Case("amax, mean, var", lambda x: x.amax(-1) + x.mean(-1) + x.square().sum(-1), (rows,), wide=True)
    yield from _model_cases(batch, length, width)


_ELEMENTWISE: dict[str, Function] = {
    "silu": F.silu, "exp": lambda x: x.clamp(max=3).exp(), "sigmoid": torch.sigmoid,
    "softplus, sqrt": lambda x: F.softplus(x).sqrt(), "rsqrt": lambda x: (x.square() + 0.1).rsqrt(),
    "sin, cos": lambda x: x.sin() + x.cos(), "clamp": lambda x: x.clamp(-0.7, 0.7), "relu": torch.relu,
    "transpose": lambda x: x.transpose(1, 2).contiguous(), "pad": lambda x: F.pad(x, (1, 2)),
}  # fmt: skip


def _model_cases(batch: int, length: int, width: int) -> Iterator[Case]:
    """Yield the model's own operators."""
    query, keys = (batch, length, 2, width), (batch, length + 5, width)
    for way in (attention.attention_products, attention.attention_fused):
        yield Case(way.__name__, _attend(way), (query, keys, (2,)))
    yield Case("rms_norm", lambda x, w: norm.rms_norm(x, w, 1e-6), ((batch, length, width), (width,)))
    yield Case("rotate", _rotate, ((batch, length, width), (length, 8)))
    yield Case("sinkhorn", lambda x: sinkhorn.sinkhorn(x, 8, 1e-6), ((4, 4, batch, length),), wide=True)
    yield Case(
        "mix",
        streams.mix,
        ((4, 4, batch, length), (batch, length, 4, width), (4, batch, length), (batch, length, width)),
    )
    yield Case("topk", _chosen, ((batch, length, width),), wide=True)
    yield Case("grouped matmul", _grouped, ((batch * length, width), (5, 24, width)))


def _attend(way: Function) -> Function:
    def attend(query: Tensor, keys: Tensor, sink: Tensor) -> Tensor:
        places, times = (
            torch.arange(n, device=keys.device, dtype=torch.int32) for n in (keys.shape[1], query.shape[1])
        )
        mask = places[None] <= 5 + times[:, None]
        return way(query, keys, mask.expand(query.shape[0], -1, -1), sink)

    return attend


def _rotate(x: Tensor, angle: Tensor) -> Tensor:
    return rope.rotate(x, angle.float().cos(), angle.float().sin())


def _chosen(scores: Tensor) -> Tensor:
    recency = torch.arange(scores.shape[-1], device=scores.device, dtype=torch.int64).expand(len(scores), -1)
    return scores * topk.topk_mask(scores.detach(), scores.detach() > -1, 5, recency)


def _grouped(rows: Tensor, weights: Tensor) -> Tensor:
    """Run rows in five groups of unequal size, one of them empty."""
    count = len(rows)
    sizes = [count // 2, 0, count // 4, 3]
    counts = torch.tensor([*sizes, count - sum(sizes)], device="cpu", dtype=torch.int32)
    plan = grouped_matmul.tiled(count, to_device(counts, rows.device))
    return plan.gather(plan.matmul(plan.scatter(rows), weights))


def _indices(x: Tensor, count: int, high: int) -> Tensor:
    return ((torch.arange(count, device=x.device, dtype=torch.int32) * 7 + 3) % high).long()


def _reverse(x: Tensor, count: int) -> Tensor:
    return (count - 1 - torch.arange(count, device=x.device, dtype=torch.int32)).long()


def _compare(case: Case, device: torch.device, dtype: str) -> float | str:
    """Return the largest difference of result and gradients, or what went wrong."""
    try:
        mine = _run(case, device, dtype)
    except (RuntimeError, NotImplementedError) as error:
        return first_line(error)[:160]
    wanted = _run(case, torch.device("cpu"), dtype)
    worst = 0.0
    for got, right in zip(mine, wanted, strict=True):
        if not bool(torch.isfinite(got).all()):
            return "numbers that are not finite"
        worst = max(worst, float((got - right).abs().max() / right.abs().max().clamp(min=1e-3)))
    return worst if worst <= TOLERANCE[dtype] else f"off by {worst:.2g}, allowed {TOLERANCE[dtype]:.2g}"


def _run(case: Case, device: torch.device, dtype: str) -> list[Tensor]:
    """Return the result and the gradient of every input, on the host in fp32."""
    generator = torch.Generator().manual_seed(len(case.name))
    inputs = []
    for shape in case.shapes:
        made = torch.randn(shape, generator=generator, device="cpu", dtype=torch.float32).to(getattr(torch, dtype))
        inputs.append(to_device(made, device).requires_grad_())
    out = case.function(*inputs)
    weight = torch.linspace(-1, 1, out.numel(), device="cpu", dtype=torch.float32).view(out.shape).to(out.dtype)
    (out * to_device(weight, device)).sum().backward()
    return [to_host(t).float() for t in (out, *(i.grad for i in inputs)) if t is not None]
