"""Compiles Triton's kernels for one chip, without the chip: `python compile_kernels.py cuda 90` or `hip gfx942`.

Prints a JSON object, kernel → shared memory that its binary asks for, or the error.  Nothing is run.
"""

import importlib
import json
import sys
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

WHOLE = {"length", "num_keys", "limit", "heads", "width", "inner", "tokens", "iterations", "size", "dim", "entries"}
STRIDES = {"group_stride", "column_stride", "inner_stride"}
REAL = {"scale", "eps"}
HEADS = {"BLOCK_H": 16, "BLOCK_S": 32, "BLOCK_K": 512, "WIDE": False}
SHAPES: dict[tuple[str, str], tuple[dict[str, str], dict[str, Any]]] = {
    ("triton_attention", "pack_kernel"): ({"mask": "*u8", "index": "*i32", "counts": "*i32"}, {"BLOCK": 1024}),
    ("triton_attention", "forward_kernel"): (
        {"index": "*i32", "counts": "*i32", "total_log": "*fp32", "sink": "*fp32"}, HEADS,
    ),
    ("triton_attention", "query_kernel"): (
        {"index": "*i32", "counts": "*i32", "total_log": "*fp32", "delta": "*fp32"}, HEADS,
    ),
    ("triton_attention", "keys_kernel"): (
        {"index": "*i32", "counts": "*i32", "total_log": "*fp32", "delta": "*fp32", "out": "*fp32"}, HEADS,
    ),
    ("triton_grouped", "rows_kernel"): (
        {"groups": "*i64", "columns": "i32"}, {"ROWS": 16, "COLUMNS": 128, "INNER": 64, "WIDE": False},
    ),
    ("triton_grouped", "weights_kernel"): (
        {"first": "*i32", "columns": "i32"}, {"ROWS": 16, "COLUMNS": 64, "INNER": 64, "WIDE": False},
    ),
    ("triton_sinkhorn", "forward_kernel"): ({"logits": "*fp32", "out": "*fp32"}, {"N": 4, "BLOCK": 64}),
    ("triton_sinkhorn", "backward_kernel"): (
        {"logits": "*fp32", "given": "*fp32", "sums": "*fp32", "out": "*fp32"}, {"N": 4, "BLOCK": 64},
    ),
    ("triton_streams", "square_kernel"): ({"out": "*fp32"}, {"BLOCK": 1024}),
    ("triton_streams", "weigh_kernel"): ({"pre": "*fp32"}, {"N": 4, "BLOCK": 256}),
    ("triton_streams", "weigh_weights_kernel"): ({"out": "*fp32"}, {"N": 4, "BLOCK": 256}),
    ("triton_streams", "weigh_streams_kernel"): ({"pre": "*fp32", "norm": "*fp32"}, {"N": 4, "BLOCK": 256}),
    ("triton_streams", "mix_kernel"): ({"comb": "*fp32", "post": "*fp32"}, {"N": 4, "BLOCK": 256}),
    ("triton_streams", "mix_back_kernel"): (
        {"comb": "*fp32", "post": "*fp32", "to_comb": "*fp32", "to_post": "*fp32"}, {"N": 4, "BLOCK": 256},
    ),
    ("triton_compress", "forward_kernel"): (
        {"columns": "*i64", "has": "*u8", "ape": "*fp32"}, {"OVERLAPS": True, "RATIO": 4, "SLOTS": 8, "BLOCK": 512},
    ),
    ("triton_compress", "backward_kernel"): (
        {"columns": "*i64", "has": "*u8", "ape": "*fp32", "to_values": "*fp32", "to_gates": "*fp32", "to_ape": "*fp32"},
        {"OVERLAPS": True, "RATIO": 4, "SLOTS": 8, "BLOCK": 512},
    ),
}  # fmt: skip


def compiled(module: str, name: str, target: GPUTarget) -> int:
    """Return the bytes of shared memory that a kernel's binary asks for."""
    kernel = getattr(importlib.import_module(f"sancai.ops.backends.{module}"), name)
    special, constants = SHAPES[module, name]
    signature = {}
    for argument in kernel.arg_names:
        plain = "i32" if argument in WHOLE | STRIDES else "fp32" if argument in REAL else "*bf16"
        signature[argument] = "constexpr" if argument in constants else special.get(argument, plain)
    source = ASTSource(kernel, signature, {(kernel.arg_names.index(n),): v for n, v in constants.items()})
    warps = 8 if module == "triton_attention" and "BLOCK_K" in constants else 4
    done = triton.compile(source, target=target, options={"num_warps": warps})
    assert done.asm["cubin" if target.backend == "cuda" else "hsaco"]
    return int(done.metadata.shared)


def forgotten() -> list[str]:
    """Return the kernels that have no entry in `SHAPES`."""
    modules = {module for module, _ in SHAPES}
    found = {(m, n) for m in modules for n in dir(importlib.import_module(f"sancai.ops.backends.{m}"))}
    return sorted(n for m, n in found - set(SHAPES) if n.endswith("_kernel"))


def main(backend: str, arch: str) -> None:
    target = GPUTarget(backend, int(arch) if arch.isdigit() else arch, 32 if backend == "cuda" else 64)
    found: dict[str, Any] = {name: "has no entry in SHAPES" for name in forgotten()}
    for module, name in SHAPES:
        try:
            found[f"{module}.{name}"] = compiled(module, name, target)
        except Exception as error:
            found[f"{module}.{name}"] = f"{type(error).__name__}: {error}"[:2000]
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
