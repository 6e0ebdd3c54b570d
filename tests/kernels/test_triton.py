"""Triton's kernels in Triton's interpreter on a CPU: their arithmetic, forward and gradient, against the references.

What this proves: the programs compute what their role's reference computes, at sizes that fill no tile, in fp32 and
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
from sancai.ops.roles import Kernel, Provider, run
from sancai.ops.selection import ROLES
from sancai.ops.trial import Case, Draw, check

CPU = torch.device("cpu")
BY_NAME = {role.name: role for role in ROLES}
FORMATS = [torch.float32, torch.bfloat16, torch.float16]


def providers() -> list[Provider]:
    return list(triton_kernels.PROVIDERS)


def wrong(provider: Provider, kernel: Kernel, cases: list[Case]) -> str | None:
    """Return what is wrong with a kernel; an error of its backward counts."""
    role = BY_NAME[provider.role]
    assert all(kernel.covers(*c.arguments) for c in cases)
    found = check(lambda *args: run(role, provider.name, kernel, *args), role.reference, cases)
    assert role.dropped == {}
    return found


@pytest.mark.parametrize("dtype", FORMATS, ids=str)
@pytest.mark.parametrize("provider", providers(), ids=lambda p: p.role)
@pytest.mark.filterwarnings("error")
def test_every_kernel_agrees_with_its_reference_in_the_interpreter(provider: Provider, dtype: torch.dtype) -> None:
    cases = BY_NAME[provider.role].cases(Draw(CPU, dtype))
    assert wrong(provider, provider.load(), cases) is None


@pytest.mark.parametrize("provider", providers(), ids=lambda p: p.role)
def test_kernels_leave_double_precision_to_the_reference(provider: Provider) -> None:
    case = BY_NAME[provider.role].cases(Draw(CPU, torch.float64))[0]
    assert not provider.load().covers(*case.arguments)


def test_a_cpu_is_told_that_triton_is_not_for_it() -> None:
    assert all(p.missing(CPU) for p in providers())
    assert triton_kernels.version().startswith("triton ")
