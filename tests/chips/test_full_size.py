"""Released architectures at real size, on a device that computes shapes only: what a training pass asks."""

import functools
import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest

SCRIPT = pathlib.Path(__file__).with_name("full_size.py")
SRC = pathlib.Path(__file__).resolve().parents[2] / "src"
MOST_SECONDS, MOST_MEMORY = 180, 1.5e9
"""Processor time and memory that a pass of shapes may take."""
LEAVES_ALONE = ".indexer."
"""Parts that learn from a loss of their own, which this pass leaves out."""


@functools.cache
def report(name: str, layers: int | None) -> dict[str, Any]:
    """Return what the script prints, run in a process of its own."""
    arguments = [sys.executable, str(SCRIPT), name, *([str(layers)] if layers else [])]
    environment = os.environ | {"PYTHONPATH": str(SRC)}
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


WHOLE = pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("v4-flash", 6),
        pytest.param("v4-flash", None, marks=pytest.mark.slow),
        pytest.param("v4-pro", None, marks=pytest.mark.slow),
    ],
)
"""Six layers hold every kind twice at full width."""


def test_the_shape_device_refuses_tensors_of_two_devices() -> None:
    lines = "import torch, shape_device", "with shape_device.ShapeDevice('npu'):", " a = torch.ones(2, 3, device='npu')"
    for line, problem in ((" a + a.new_ones(3)", ""), (" a + torch.ones(3)", "FakeTensorDeviceMismatchError")):
        command = [sys.executable, "-c", "\n".join([*lines, line])]
        done = subprocess.run(command, cwd=SCRIPT.parent, capture_output=True, text=True, timeout=120, check=False)
        assert problem in done.stderr and (done.returncode != 0) == bool(problem), done.stderr


@WHOLE
def test_no_operator_mixes_devices_or_is_too_wide(name: str, layers: int | None) -> None:
    told = report(name, layers)
    assert (told["mixed"], told["wide"]) == ({}, {})


@WHOLE
def test_matrices_run_in_bf16_and_routing_in_fp32(name: str, layers: int | None) -> None:
    told = report(name, layers)
    assert told["dtypes"]["route"] == ["torch.float32"]
    assert told["dtypes"]["sinkhorn"] == ["torch.float32"]
    for part in ("experts", "project"):
        assert f"{part} torch.float32" not in told["flops_of"], f"{part} has products in fp32"
        assert told["flops_of"][f"{part} torch.bfloat16"] > 0


@WHOLE
def test_the_gradient_reaches_everything(name: str, layers: int | None) -> None:
    assert [n for n in report(name, layers)["without_gradient"] if LEAVES_ALONE not in n] == []


@WHOLE
def test_formulas_agree_with_the_trace(name: str, layers: int | None) -> None:
    told = report(name, layers)
    for passes, bytes_within, launches_within in (("forward", 0.05, 0.05), ("both", 0.25, 0.1)):
        traced, formula = told["traced"][passes], told["formula"][passes]
        assert formula["flops"] == pytest.approx(traced["flops"], rel=1e-3)
        assert formula["bytes"] == pytest.approx(traced["bytes"], rel=bytes_within)
        assert formula["launches"] == pytest.approx(traced["launches"], rel=launches_within)


@WHOLE
def test_a_pass_takes_hardly_more_memory_than_its_gradients(name: str, layers: int | None) -> None:
    told = report(name, layers)
    gradients = 4 * told["parameters"]
    assert told["formula"]["copied"] == 0
    assert told["traced"]["both"]["peak"] <= 1.1 * gradients


@WHOLE
def test_shapes_cost_little(name: str, layers: int | None) -> None:
    told = report(name, layers)
    assert told["cpu_seconds"] < MOST_SECONDS and told["host_memory"] < MOST_MEMORY
