"""Types and sizes, of a large model, in which every kernel of Triton is compiled for chips that are not here."""

import importlib
from collections.abc import Callable
from typing import Any

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


def signature(kernel: Any, module: str, name: str) -> dict[str, str]:
    """Return the type of every argument of a kernel that is no constant."""
    special, constants = SHAPES[module, name]
    plain = {a: "i32" if a in WHOLE | STRIDES else "fp32" if a in REAL else "*bf16" for a in kernel.arg_names}
    return {a: special.get(a, kind) for a, kind in plain.items() if a not in constants}


def kernel_of(module: str, name: str) -> Any:
    """Return a kernel."""
    return getattr(importlib.import_module(f"sancai.ops.backends.{module}"), name)


def forgotten() -> list[str]:
    """Return the kernels that have no entry in `SHAPES`."""
    modules = {module for module, _ in SHAPES}
    found = {(m, n) for m in modules for n in dir(importlib.import_module(f"sancai.ops.backends.{m}"))}
    return sorted(n for m, n in found - set(SHAPES) if n.endswith("_kernel"))


def report(made: Callable[[str, str], Any]) -> dict[str, Any]:
    """Return what a function makes of every kernel, or its error."""
    found: dict[str, Any] = {name: "has no entry in SHAPES" for name in forgotten()}
    for module, name in SHAPES:
        try:
            found[f"{module}.{name}"] = made(module, name)
        except Exception as error:
            found[f"{module}.{name}"] = f"{type(error).__name__}: {error}"[:2000]
    return found
