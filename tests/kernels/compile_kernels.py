"""Compiles Triton's kernels for one chip, without the chip: `python compile_kernels.py cuda 90` or `hip gfx942`.

Prints a JSON object, kernel → shared memory that its binary asks for, or the error.  Nothing is run.
"""

import json
import sys

import triton
from shapes import SHAPES, kernel_of, report, signature
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource


def compiled(module: str, name: str, target: GPUTarget) -> int:
    """Return the bytes of shared memory that a kernel's binary asks for."""
    kernel = kernel_of(module, name)
    constants = SHAPES[module, name][1]
    types = signature(kernel, module, name)
    types = {a: types.get(a, "constexpr") for a in kernel.arg_names}
    source = ASTSource(kernel, types, {(kernel.arg_names.index(n),): v for n, v in constants.items()})
    warps = 8 if module == "triton_attention" and "BLOCK_K" in constants else 4
    done = triton.compile(source, target=target, options={"num_warps": warps})
    assert done.asm["cubin" if target.backend == "cuda" else "hsaco"]
    return int(done.metadata.shared)


def main(backend: str, arch: str) -> None:
    target = GPUTarget(backend, int(arch) if arch.isdigit() else arch, 32 if backend == "cuda" else 64)
    print(json.dumps(report(lambda module, name: compiled(module, name, target))))


if __name__ == "__main__":
    main(*sys.argv[1:])
