"""Triton's kernels in Triton's interpreter on a CPU: their arithmetic, forward and gradient, against the references.

What this proves: the programs compute what their operator's reference computes, at sizes that fill no tile, in fp32 and
with bf16 inputs.  What it does not: products of bf16 tiles (the interpreter gets them wrong, so kernels turn tiles into
fp32 there), speed, races between programs, and anything about a device.  Run by `make test-kernels`.
"""

import os

import pytest
import torch

pytest.importorskip("triton", reason="triton is not installed: make test-kernels brings it")
if os.environ.get("TRITON_INTERPRET") != "1":
    pytest.skip("kernels run in Triton's interpreter only: make test-kernels", allow_module_level=True)

from sancai.ops.backends import triton as triton_kernels
from sancai.ops.dispatch import Backend, Kernel, run_kernel
from sancai.ops.selection import OPERATORS
from sancai.ops.verification import SampleInput, SampleTensors, verify

CPU = torch.device("cpu")
BY_NAME = {operator.name: operator for operator in OPERATORS}
FORMATS = [torch.float32, torch.bfloat16, torch.float16]


def backends() -> list[Backend]:
    return list(triton_kernels.BACKENDS)


def wrong(backend: Backend, kernel: Kernel, samples: list[SampleInput]) -> str | None:
    """Return what is wrong with a kernel; an error of its backward counts."""
    operator = BY_NAME[backend.operator]
    assert all(kernel.supports(*c.arguments) for c in samples)
    found = verify(lambda *args: run_kernel(operator, backend.name, kernel, *args), operator.reference, samples)
    assert operator.disabled == {}
    return found


@pytest.mark.parametrize("dtype", FORMATS, ids=str)
@pytest.mark.parametrize("backend", backends(), ids=lambda p: p.operator)
@pytest.mark.filterwarnings("error")
def test_every_kernel_agrees_with_its_reference_in_the_interpreter(backend: Backend, dtype: torch.dtype) -> None:
    samples = BY_NAME[backend.operator].samples(SampleTensors(CPU, dtype))
    assert wrong(backend, backend.load(), samples) is None


@pytest.mark.parametrize("backend", backends(), ids=lambda p: p.operator)
def test_double_precision_runs_the_reference(backend: Backend) -> None:
    case = BY_NAME[backend.operator].samples(SampleTensors(CPU, torch.float64))[0]
    assert not backend.load().supports(*case.arguments)


def test_a_cpu_has_no_triton_backend() -> None:
    assert all(p.unavailable_reason(CPU) for p in backends())
    assert triton_kernels.version().startswith("triton ")
