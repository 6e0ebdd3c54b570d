"""Experts: rows sorted by expert, PyTorch's matrix products, our activation and sums between them.

Gates and values are one product each: w1 and w3 lie one below the other, (2·F, D).  Every expert's rows are rounded up
to a multiple, because PyTorch's products prepare themselves anew for every new shape.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sancai_native
import torch
from torch import Tensor

from sancai.ops.dispatch import Kernel
from sancai.ops.experts import ExpertWeights

FORMATS = (torch.float32, torch.bfloat16)
FEWEST_TOKENS = 32
"""Fewer tokens reach few experts, which the reference casts one by one."""
STEPS = 16
"""About so many multiples of rows an expert has."""


@dataclass(frozen=True)
class _Sorted:
    """Rows by expert: slots (R,) name their pairs, places (T, k) the row of each pair, first is where experts begin."""

    slots: Tensor
    places: Tensor
    first: list[int]

    def parts(self) -> Iterator[tuple[int, slice]]:
        """Yield every expert that has rows, and which."""
        for number, (begin, end) in enumerate(zip(self.first, self.first[1:], strict=False)):
            if end > begin:
                yield number, slice(begin, end)


def _supports(
    x: Tensor, chosen: Tensor, weights: Tensor, routed: ExpertWeights, shared: ExpertWeights, limit: float
) -> bool:
    formats = x.dtype in FORMATS and weights.dtype == torch.float32 and chosen.dtype == torch.int64
    return formats and len(x) >= FEWEST_TOKENS


def _sort(chosen: Tensor, count: int) -> _Sorted:
    pairs = chosen.numel()
    multiple = max(16, 1 << max(pairs // (count * STEPS), 1).bit_length() - 1)
    places = torch.empty(chosen.shape, dtype=torch.int32, device="cpu")
    slots = torch.empty(pairs + count * multiple, dtype=torch.int32, device="cpu")
    first = sancai_native.sort_pairs(chosen.contiguous(), count, multiple, places, slots)
    return _Sorted(slots[: first[-1]], places, first)


def _restored(slots: Tensor, places: Tensor, first: Tensor) -> _Sorted:
    return _Sorted(slots, places, first.tolist())


def _joined(networks: ExpertWeights, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return gates over values (…, 2·F, D) and outputs (…, D, F) in a format."""
    w1, w3, w2 = networks
    *stack, inner, dim = w1.shape
    both = w1.new_empty(*stack, 2, inner, dim, dtype=dtype)
    both.select(-3, 0).copy_(w1)
    both.select(-3, 1).copy_(w3)
    return both.flatten(-3, -2), w2.to(dtype)


def _parted(to_both: Tensor, to_out: Tensor, networks: ExpertWeights) -> tuple[Tensor, Tensor, Tensor]:
    """Undo `_joined` for gradients."""
    one, other = to_both.unflatten(-2, (2, -1)).unbind(-3)
    w1, w3, w2 = networks
    to_w1, to_w3, to_w2 = (g.to(w.dtype).contiguous() for g, w in zip((one, other, to_out), (w1, w3, w2), strict=True))
    return to_w1, to_w3, to_w2


def _forward(
    x: Tensor, chosen: Tensor, weights: Tensor, routed: ExpertWeights, shared: ExpertWeights, limit: float
) -> tuple[Tensor, tuple[Tensor, ...]]:
    x, weights, rows = x.contiguous(), weights.contiguous(), _sort(chosen, len(routed.w1))
    both, out = _joined(routed, x.dtype)
    own_both, own_out = _joined(shared, x.dtype)
    inner = both.shape[1] // 2
    count, dim = rows.first[-1], x.shape[1]
    gathered = x.new_empty(count, dim)
    sancai_native.gather(x, rows.slots, chosen.shape[1], gathered)
    gate_up, active, given = x.new_empty(count, 2 * inner), x.new_empty(count, inner), x.new_empty(count, dim)
    for number, part in rows.parts():
        torch.mm(gathered[part], both[number].T, out=gate_up[part])
    sancai_native.swiglu(gate_up, rows.slots, weights, limit, active)
    for number, part in rows.parts():
        torch.mm(active[part], out[number].T, out=given[part])
    own_gate_up = x @ own_both.T
    own_active = x.new_empty(len(x), own_out.shape[1])
    sancai_native.swiglu(own_gate_up, None, None, limit, own_active)
    y = own_active @ own_out.T
    sancai_native.combine(given, rows.places, y)
    first = torch.tensor(rows.first, dtype=torch.int64, device="cpu")
    return y, (rows.slots, rows.places, first, gathered, gate_up, own_gate_up, both, out, own_both, own_out)


def _backward(args: tuple[Any, ...], kept: tuple[Tensor, ...], gradients: tuple[Tensor | None, ...]) -> tuple[Any, ...]:
    x, chosen, weights, routed, shared, limit = args
    rows = _restored(*kept[:3])
    gathered, gate_up, own_gate_up, both, out, own_both, own_out = kept[3:]
    assert gradients[0] is not None
    x, weights, given = x.contiguous(), weights.contiguous(), gradients[0].contiguous()

    to_own_active, own_active, to_own = (
        given @ own_out,
        x.new_empty(len(x), own_out.shape[1]),
        torch.empty_like(own_gate_up),
    )
    sancai_native.swiglu_backward(own_gate_up, None, None, limit, own_active, to_own_active, to_own, None)
    to_shared = _parted(to_own.T @ x, given.T @ own_active, shared)
    to_x = to_own @ own_both

    above = torch.empty_like(gathered)
    sancai_native.gather(given, rows.slots, chosen.shape[1], above)
    active, to_active = x.new_empty(len(gathered), out.shape[2]), x.new_empty(len(gathered), out.shape[2])
    for number, part in rows.parts():
        torch.mm(above[part], out[number], out=to_active[part])
    to_weights, to_gate_up = torch.empty_like(weights), torch.empty_like(gate_up)
    sancai_native.swiglu_backward(gate_up, rows.slots, weights, limit, active, to_active, to_gate_up, to_weights)
    to_both, to_out, to_gathered = torch.zeros_like(both), torch.zeros_like(out), torch.empty_like(gathered)
    for number, part in rows.parts():
        torch.mm(above[part].T, active[part], out=to_out[number])
        torch.mm(to_gate_up[part].T, gathered[part], out=to_both[number])
        torch.mm(to_gate_up[part], both[number], out=to_gathered[part])
    sancai_native.combine(to_gathered, rows.places, to_x)
    return to_x, None, to_weights, *_parted(to_both, to_out, routed), *to_shared, None


EXPERTS = Kernel(_forward, _backward, _supports)
