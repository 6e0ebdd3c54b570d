"""Trying a kernel: is it right against its reference, forward and gradient, and is it faster?

A role makes its own problems: a few small ones for the first question, one of a size that matters for the second.
"""

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from sancai.device.transfer import to_device

TOLERANCES = {torch.float64: 1e-9, torch.float32: 1e-4, torch.float16: 4e-3, torch.bfloat16: 1e-2}
"""Error that a kernel may have beyond twice the reference's own, as a share of the largest number."""
ROUNDS = 7
WARM_UP = 2


@dataclass(frozen=True)
class SampleInput:
    """One call of a role.  differentiable: positions of the arguments that get a gradient."""

    name: str
    arguments: tuple[Any, ...]
    differentiable: tuple[int, ...] = ()


@dataclass(frozen=True)
class SampleTensors:
    """Makes the tensors of cases: the same numbers on every device, drawn on the host.

    dtype: of activations.  is_large: wants the size that matters, not the small ones.
    """

    device: torch.device
    dtype: torch.dtype
    benchmark: bool = False
    generator: torch.Generator = field(default_factory=lambda: torch.Generator("cpu").manual_seed(0))

    def normal(self, *shape: int, scale: float = 1.0, dtype: torch.dtype | None = None) -> Tensor:
        """Return normal numbers."""
        drawn = torch.randn(shape, generator=self.generator, device="cpu", dtype=torch.float32) * scale
        return to_device(drawn.to(dtype or self.dtype), self.device)

    def fp32(self, *shape: int, scale: float = 1.0) -> Tensor:
        """Return normal numbers in fp32 (fp64 where activations are fp64)."""
        return self.normal(*shape, scale=scale, dtype=torch.promote_types(self.dtype, torch.float32))

    def bernoulli(self, *shape: int, share: float) -> Tensor:
        """Return booleans, True with this chance."""
        drawn = torch.rand(shape, generator=self.generator, device="cpu", dtype=torch.float32)
        return to_device(drawn < share, self.device)

    def integers(self, *shape: int, below: int) -> Tensor:
        """Return int64 numbers from 0."""
        drawn = torch.randint(below, shape, generator=self.generator, device="cpu", dtype=torch.int64)
        return to_device(drawn, self.device)


SampleFactory = Callable[[SampleTensors], list[SampleInput]]


def verify(function: Callable[..., Any], reference: Callable[..., Any], samples: list[SampleInput]) -> str | None:
    """Return what is wrong with a function, or None.

    The truth is the reference on the same numbers in fp32.  Numbers and gradients may be off by twice the
    reference's own error in the dtype of the case, plus a tolerance; integers and booleans must be equal.
    """
    for sample in samples:
        dtype = _dtype(sample.arguments)
        truth = _outputs(reference, _map(sample.arguments, _widen), sample.differentiable, dtype)
        own = _outputs(reference, sample.arguments, sample.differentiable, dtype)
        got = _outputs(function, sample.arguments, sample.differentiable, dtype)
        if len(got) != len(truth):
            return f"case {sample.name!r}: {len(got)} outputs and gradients, expected {len(truth)}"
        for (name, expected), (_, usual), (_, value) in zip(truth, own, got, strict=True):
            if problem := _difference(expected, usual, value, TOLERANCES[dtype]):
                return f"case {sample.name!r}, {name}: {problem}"
    return None


def median_seconds(function: Callable[..., Any], sample: SampleInput, synchronize: Callable[[], None]) -> float:
    """Return the median time of a call with its gradient."""
    gradients: list[Tensor] = []

    def once() -> None:
        args, leaves = _leaves(_map(sample.arguments, Tensor.clone), sample.differentiable)
        synchronize()
        begun.append(time.perf_counter())
        outputs = _floating(function(*args)) if leaves else _flat(function(*args))
        if leaves:
            gradients.extend(gradients or [torch.ones_like(o) for o in outputs])
            torch.autograd.grad(outputs, leaves, gradients[: len(outputs)], allow_unused=True)
        synchronize()
        ended.append(time.perf_counter())

    begun: list[float] = []
    ended: list[float] = []
    for _ in range(WARM_UP + ROUNDS):
        once()
    return statistics.median(b - a for a, b in list(zip(begun, ended, strict=True))[WARM_UP:])


def _difference(expected: Tensor, usual: Tensor, got: Tensor, tolerance: float) -> str | None:
    """Return how a tensor is off, or None."""
    if expected.shape != got.shape:
        return f"shape {list(got.shape)}, expected {list(expected.shape)}"
    if usual.dtype != got.dtype:
        return f"dtype {got.dtype}, expected {usual.dtype}"
    if not expected.numel():
        return None
    if not expected.is_floating_point():
        wrong = int((expected != got).sum())
        return f"{wrong} of {expected.numel()} entries differ" if wrong else None
    truth = expected.to(torch.promote_types(expected.dtype, torch.float32))
    own, error = (float((t.to(truth.dtype) - truth).abs().max()) for t in (usual, got))
    allowed = 2 * own + tolerance * max(float(truth.abs().max()), 1e-3)
    if math.isfinite(error) and error <= allowed:
        return None
    return f"off by {error:.2g}, at most {allowed:.2g} is allowed"


def _outputs(
    function: Callable[..., Any], arguments: tuple[Any, ...], differentiable: tuple[int, ...], dtype: torch.dtype
) -> list[tuple[str, Tensor]]:
    """Return the outputs and gradients of a call on copies of its arguments, by name.

    dtype: weights of the outputs are numbers of this dtype, so that the same are asked of every precision.
    """
    args, leaves = _leaves(_map(arguments, Tensor.clone), differentiable)
    with torch.enable_grad():
        out = _flat(function(*args))
    found = [(f"output {i}", o.detach()) for i, o in enumerate(out)]
    if not leaves:
        return found
    floating = [o for o in out if o.is_floating_point()]
    generator = torch.Generator("cpu").manual_seed(1)
    weights = [
        to_device(
            torch.randn(o.shape, generator=generator, device="cpu", dtype=torch.float32).to(dtype), o.device, o.dtype
        )
        for o in floating
    ]
    if not any(o.requires_grad for o in floating):
        return found
    pairs = [(o, w) for o, w in zip(floating, weights, strict=True) if o.requires_grad]
    gradients = torch.autograd.grad([o for o, _ in pairs], leaves, [w for _, w in pairs], allow_unused=True)
    filled = [torch.zeros_like(x) if g is None else g for g, x in zip(gradients, leaves, strict=True)]
    return found + [(f"gradient of argument {i}", g) for i, g in zip(differentiable, filled, strict=True)]


def _leaves(arguments: tuple[Any, ...], differentiable: tuple[int, ...]) -> tuple[list[Any], list[Tensor]]:
    """Return the arguments with gradients switched on, and those that have one."""
    args = [a.detach().requires_grad_() if i in differentiable else a for i, a in enumerate(arguments)]
    return args, [args[i] for i in differentiable]


def _flat(value: Any) -> list[Tensor]:
    """Return all tensors of an output, or of arguments."""
    if isinstance(value, Tensor):
        return [value]
    return [t for item in value for t in _flat(item)] if isinstance(value, list | tuple) else []


def _floating(value: Any) -> list[Tensor]:
    return [t for t in _flat(value) if t.requires_grad]


def _map(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Change all tensors of lists and tuples."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, list | tuple):
        return type(value)(_map(item, change) for item in value)
    return value


def _widen(x: Tensor) -> Tensor:
    """Return a copy in at least fp32; whole numbers and stored formats stay."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x.clone()


def _dtype(arguments: tuple[Any, ...]) -> torch.dtype:
    """Return the dtype of a case: the narrowest that numbers are computed in, which bounds what can be asked."""
    return min((t.dtype for t in _flat(arguments) if t.dtype in TOLERANCES), key=lambda d: d.itemsize)
