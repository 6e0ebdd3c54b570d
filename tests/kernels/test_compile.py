"""Triton's kernels compile for chips that are not here, in the shapes of a large model, and fit their shared memory.

What this proves: the compiler makes a binary of every kernel for one chip of each of two makers, and the front half of
Ascend's takes every kernel too.  What it does not: that a binary is right or fast; no such chip was at hand.  Run by
`make test-kernels`.
"""

import json
import os
import pathlib
import subprocess
import sys

import pytest

pytest.importorskip("triton", reason="triton is not installed: make test-kernels brings it")
if os.environ.get("TRITON_INTERPRET") != "1":
    pytest.skip("kernels are compiled for absent chips by make test-kernels", allow_module_level=True)

HERE = pathlib.Path(__file__).resolve().parent
SHARED_BYTES = {("cuda", "90"): 227 * 1024, ("hip", "gfx942"): 64 * 1024}
"""Shared memory that one program may have on each chip."""
MATRIX_PRODUCTS = {
    "triton_attention.forward_kernel": 2,
    "triton_attention.query_kernel": 3,
    "triton_attention.keys_kernel": 4,
    "triton_grouped.rows_kernel": 1,
    "triton_grouped.weights_kernel": 1,
}
"""Products of tiles that the front half hands on as such."""


@pytest.mark.slow
@pytest.mark.parametrize("chip", SHARED_BYTES, ids=lambda chip: "-".join(chip))
def test_every_kernel_compiles_and_fits_the_shared_memory_of_a_chip(
    chip: tuple[str, str], tmp_path: pathlib.Path
) -> None:
    environment = {n: v for n, v in os.environ.items() if n != "TRITON_INTERPRET"}
    environment |= {"PYTHONPATH": str(HERE.parents[1] / "src"), "TRITON_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, str(HERE / "compile_kernels.py"), *chip]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert {n: v for n, v in found.items() if not isinstance(v, int) or v > SHARED_BYTES[chip]} == {}
    assert len(found) >= 16


@pytest.mark.slow
def test_every_kernel_passes_the_front_half_of_ascends_compiler(tmp_path: pathlib.Path) -> None:
    folder = pathlib.Path(sys.prefix) / "ascend-triton"
    if not (folder / "triton").is_dir():
        pytest.skip("triton-ascend is not there: make test-kernels fetches it where there is one for this machine")
    environment = {n: v for n, v in os.environ.items() if n != "TRITON_INTERPRET"}
    paths = os.pathsep.join([str(folder), str(HERE.parents[1] / "src")])
    environment |= {"PYTHONPATH": paths, "TRITON_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, str(HERE / "lower_kernels.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert {name: what for name, what in found.items() if isinstance(what, str)} == {}
    assert len(found) >= 16
    calls = {name: what["called outside"] for name, what in found.items() if what["called outside"]}
    assert calls == {"triton_attention.pack_kernel": ["triton_cumsum_0"]}, "functions that come with the second half"
    assert {name: what["read back before it is written"] for name, what in found.items()} == dict.fromkeys(found, 0)
    left = {name: [o for o in what if o.startswith("tt.")] for name, what in found.items()}
    assert {name: operations for name, operations in left.items() if operations} == {}
    assert {name: what["linalg.matmul"] for name, what in found.items() if "linalg.matmul" in what} == MATRIX_PRODUCTS
