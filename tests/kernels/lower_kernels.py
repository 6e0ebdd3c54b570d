"""Lowers Triton's kernels through the front half of Ascend's own compiler (triton-ascend), without its chip or CANN.

Prints a JSON object, kernel → how often each operation stands in what it becomes, or the error.  Nothing is run: the
second half, which makes the binary, comes with CANN.

A store under a mask whose shape the compiler does not understand becomes: read the whole tile, select, write it back.
That writes what other programs may have changed meanwhile; such stores are counted as `READ_BACK`.
"""

import collections
import json
import os
import re
import subprocess
from typing import Any

from shapes import SHAPES, kernel_of, report, signature
from triton._C.libtriton import ir
from triton.backends.ascend import utils
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.compiler.compiler import make_backend

TARGET = GPUTarget("npu", "Ascend910B3", 0)
OPERATION = re.compile(r"^\s*(?:%[\w:#, ]+ = )?\"?([a-z_]+\.[a-z_]+)", re.MULTILINE)
"""An operation of MLIR at the start of a line, with or without results."""
COPIED = re.compile(r"memref\.copy (%\w+),")
STORED = re.compile(r"materialize_in_destination .* in writable (%\w+)")
CALLED = re.compile(r"call @(\w+)")
OUTSIDE = "called outside"
READ_BACK = "read back before it is written"


def lowered(module: str, name: str) -> dict[str, Any]:
    """Return the operations that a kernel becomes, and how often each stands there."""
    kernel = kernel_of(module, name)
    source = ASTSource(kernel, signature(kernel, module, name), SHAPES[module, name][1])
    backend, stages, context = make_backend(TARGET), {}, ir.context()
    options = backend.parse_options({})
    ir.load_dialects(context)
    backend.load_dialects(context)
    backend.add_stages(stages, options)
    facts = {"hash": name, "target": TARGET, **options.__dict__}
    made = source.make_ir(options, backend.get_codegen_implementation(), backend.get_module_map(), context)
    try:
        for stage in ("ttir", "ttadapter"):
            made = stages[stage](made, facts)
    except subprocess.CalledProcessError as error:
        raise RuntimeError(error.stderr.decode(errors="replace")) from error
    calls = sorted(set(CALLED.findall(made)))
    return dict(collections.Counter(OPERATION.findall(made))) | {READ_BACK: read_back(made), OUTSIDE: calls}


def read_back(text: str) -> int:
    """Return how many places are written after the same place was read."""
    stored = [(found.group(1), found.start()) for found in STORED.finditer(text)]
    return sum(place in COPIED.findall(text[:start]) for place, start in stored)


def main() -> None:
    os.chmod(utils._get_triton_adapter_opt_path(), 0o755)  # unpacking a wheel can lose the right to run it
    print(json.dumps(report(lowered)))


if __name__ == "__main__":
    main()
