"""Verification of kernels: compare outputs and gradients with the reference, and measure the time.

Each operator creates its own sample inputs: small ones for correctness, and one of realistic size for the benchmark.
"""

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from sancai.device.transfer import map_tensors, to_device
from sancai.ops.arguments import flattened, kinds_of, put_together

TOLERANCES = {torch.float64: 1e-9, torch.float32: 1e-4, torch.float16: 4e-3, torch.bfloat16: 1e-2}
"""Error allowed beyond twice the reference's own error, as a share of the largest value."""
ROUNDS = 7
WARM_UP = 2


@dataclass(frozen=True)
class SampleInput:
    """One call of an operator.

    differentiable: positions of the arguments that need a gradient; the fields of a named tuple count one by one.
    tolerance: instead of that of the dtype, where the reference itself is approximate.
    """

    name: str
    arguments: tuple[Any, ...]
    differentiable: tuple[int, ...] = ()
    tolerance: float | None = None


@dataclass(frozen=True)
class SampleTensors:
    """Creates seeded test inputs on the host and moves them: every device gets the same numbers.

    dtype: of activations.
    benchmark: ask for one input of realistic size instead of several small ones: a layer of a large model, on a CPU of
        a small one.
    """

    device: torch.device
    dtype: torch.dtype
    benchmark: bool = False
    generator: torch.Generator = field(default_factory=lambda: torch.Generator("cpu").manual_seed(0))

    @property
    def on_host(self) -> bool:
        return self.device.type == "cpu"

    def normal(self, *shape: int, scale: float = 1.0, dtype: torch.dtype | None = None) -> Tensor:
        """Return normally distributed numbers with standard deviation `scale`, in the dtype of activations."""
        drawn = torch.randn(shape, generator=self.generator, device="cpu", dtype=torch.float32) * scale
        return to_device(drawn.to(dtype or self.dtype), self.device)

    def fp32(self, *shape: int, scale: float = 1.0) -> Tensor:
        """Return normally distributed numbers in fp32 (fp64 where activations are fp64)."""
        return self.normal(*shape, scale=scale, dtype=torch.promote_types(self.dtype, torch.float32))

    def bernoulli(self, *shape: int, p: float) -> Tensor:
        """Return booleans that are True with probability `p`."""
        drawn = torch.rand(shape, generator=self.generator, device="cpu", dtype=torch.float32)
        return to_device(drawn < p, self.device)

    def integers(self, *shape: int, below: int) -> Tensor:
        """Return uniform int64 numbers in [0, below)."""
        drawn = torch.randint(below, shape, generator=self.generator, device="cpu", dtype=torch.int64)
        return to_device(drawn, self.device)


SampleFactory = Callable[[SampleTensors], list[SampleInput]]


def verify(
    function: Callable[..., Any],
    reference: Callable[..., Any],
    samples: list[SampleInput],
    function_samples: list[SampleInput] | None = None,
) -> str | None:
    """Return how a function differs from its reference, None if it is correct.

    The ground truth is the reference in fp32.  Outputs and gradients may differ from it by twice the error of the
    reference in the sample's own dtype, plus a tolerance; integers and booleans must be equal.

    Args:
        function: the implementation to verify.
        reference: the operator's reference.
        samples: inputs of the reference.
        function_samples: the same inputs on the device of the function; `samples` if None.
    """
    for sample, mine in zip(samples, function_samples or samples, strict=True):
        dtype = _dtype(sample.arguments)
        exact = replace(sample, arguments=map_tensors(_widen, sample.arguments))
        truth, own = (_outputs_and_gradients(reference, s, dtype) for s in (exact, sample))
        got = _outputs_and_gradients(function, mine, dtype)
        if len(got) != len(truth):
            return f"sample {sample.name!r}: {len(got)} outputs and gradients, expected {len(truth)}"
        for (name, expected), (_, usual), (_, value) in zip(truth, own, got, strict=True):
            tolerance = sample.tolerance or TOLERANCES[dtype]
            if problem := _difference(expected, usual, to_device(value, expected.device), tolerance):
                return f"sample {sample.name!r}, {name}: {problem}"
    return None


def median_seconds(function: Callable[..., Any], sample: SampleInput, synchronize: Callable[[], None]) -> float:
    """Return the median time in seconds of a call with its backward pass."""
    gradients: list[Tensor] = []

    def once() -> float:
        args, leaves = _leaves(map_tensors(Tensor.clone, sample.arguments), sample.differentiable)
        synchronize()
        started = time.perf_counter()
        outputs = _flat(function(*args))
        if leaves:
            outputs = [t for t in outputs if t.requires_grad]
            gradients.extend(gradients or [torch.ones_like(o) for o in outputs])
            torch.autograd.grad(outputs, leaves, gradients[: len(outputs)], allow_unused=True)
        synchronize()
        return time.perf_counter() - started

    return statistics.median([once() for _ in range(WARM_UP + ROUNDS)][WARM_UP:])


def _difference(expected: Tensor, usual: Tensor, got: Tensor, tolerance: float) -> str | None:
    """Return how a tensor differs from the expected one, or None."""
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


def _outputs_and_gradients(
    function: Callable[..., Any], sample: SampleInput, dtype: torch.dtype
) -> list[tuple[str, Tensor]]:
    """Return the outputs and gradients of a call on copies of the sample's arguments, by name.

    dtype: the gradients of the outputs are random numbers rounded to this dtype, so that every precision gets the
        same ones.
    """
    args, leaves = _leaves(map_tensors(Tensor.clone, sample.arguments), sample.differentiable)
    with torch.enable_grad():
        out = _flat(function(*args))
    found = [(f"output {i}", o.detach()) for i, o in enumerate(out)]
    generator = torch.Generator("cpu").manual_seed(1)
    given = [(o, _random_like(o, dtype, generator)) for o in out if o.is_floating_point()]
    pairs = [(o, g) for o, g in given if o.requires_grad]
    if not leaves or not pairs:
        return found
    gradients = torch.autograd.grad([o for o, _ in pairs], leaves, [g for _, g in pairs], allow_unused=True)
    filled = [torch.zeros_like(x) if g is None else g for g, x in zip(gradients, leaves, strict=True)]
    return found + [(f"gradient of argument {i}", g) for i, g in zip(sample.differentiable, filled, strict=True)]


def _random_like(tensor: Tensor, dtype: torch.dtype, generator: torch.Generator) -> Tensor:
    """Return normal numbers rounded to `dtype`, in the shape, dtype and place of a tensor."""
    drawn = torch.randn(tensor.shape, generator=generator, device="cpu", dtype=torch.float32)
    return to_device(drawn.to(dtype), tensor.device, tensor.dtype)


def _leaves(arguments: tuple[Any, ...], differentiable: tuple[int, ...]) -> tuple[list[Any], list[Tensor]]:
    """Return the arguments, those with a gradient as autograd leaves, and these leaves."""
    flat = [a.detach().requires_grad_() if i in differentiable else a for i, a in enumerate(flattened(arguments))]
    return list(put_together(flat, kinds_of(arguments))), [flat[i] for i in differentiable]


def _flat(value: Any) -> list[Tensor]:
    """Return all tensors of nested lists and tuples."""
    if isinstance(value, Tensor):
        return [value]
    return [t for item in value for t in _flat(item)] if isinstance(value, list | tuple) else []


def _widen(x: Tensor) -> Tensor:
    """Return a copy in at least fp32; integers and quantised formats keep theirs."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x.clone()


def _dtype(arguments: tuple[Any, ...]) -> torch.dtype:
    """Return the dtype that bounds the precision of a sample: the narrowest of its floating-point arguments."""
    return min((t.dtype for t in _flat(arguments) if t.dtype in TOLERANCES), key=lambda d: d.itemsize)
