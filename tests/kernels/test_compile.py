"""Triton's kernels compile for chips that are not here, in the shapes of a large model, and fit their shared memory.

What this proves: the compiler makes a binary of every kernel for one chip of each of two makers.  What it does not:
that the binary is right or fast; no such chip was at hand.  Run by `make test-kernels`.
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
