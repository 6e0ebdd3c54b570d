"""Whether a model fits into memory, by the headers of its files, before any weight is read."""

import pathlib
from math import prod
from typing import Any, get_args

import torch

from sancai.checkpoint.conversion import WeightFormat, stored_bytes
from sancai.checkpoint.official import read_config
from sancai.checkpoint.shards import SINGLE
from sancai.device.host_memory import free_host_memory
from sancai.errors import CapacityError
from sancai.model import ModelConfig, Transformer

GIB = 2**30
WIDE = 4
"""Bytes of an fp32 number: single-file Sancai folders are loaded so."""


def wide_bytes(folder: pathlib.Path) -> int:
    """Return the memory that the model of a single-file Sancai folder takes: everything in fp32."""
    with torch.device("meta"):
        state = Transformer(read_config(folder), seed=None).state_dict()
    return sum(prod(t.shape) for t in state.values()) * WIDE


def file_bytes(folder: pathlib.Path) -> int:
    """Return the size of a single-file folder's weights, 0 if they are missing."""
    file = folder / SINGLE
    return file.stat().st_size if file.is_file() else 0


def check_memory(folder: pathlib.Path, needed: int, free: int | None = None, place: str = "this machine") -> None:
    """Refuse a model that does not fit.

    Args:
        needed: bytes that it takes.
        free: bytes that are free at `place`; None asks this machine, and is passed over where it does not say.

    Raises:
        CapacityError: it does not fit; the message says which formats would.
    """
    free = free_host_memory() if free is None else free
    if free is None or needed <= free:
        return
    raise CapacityError(
        f"{folder} needs {_gib(needed)} of memory, {place} has {_gib(free)} free; {_advice(folder, free)}"
    )


def _advice(folder: pathlib.Path, free: int) -> str:
    """Return what would fit into so many bytes."""
    config = read_config(folder)
    sizes = {form: _official_bytes(config, form) for form in get_args(WeightFormat)}
    fitting = [f"{form} ({_gib(size)})" for form, size in sizes.items() if size <= free]
    if fitting:
        kind = "sancai" if config.visual is not None else "official"
        return f"it would fit as {' or '.join(fitting)}: sancai convert {folder} -o FOLDER --to {kind}-FORMAT"
    listed = ", ".join(f"{form} {_gib(size)}" for form, size in sizes.items())
    return (
        f"no format of it fits ({listed}): take a machine or chips with more memory "
        f"(sancai doctor --model {folder} --chips N×CHIP says which would do), or a smaller model such as tiny"
    )


def _official_bytes(config: ModelConfig, weight_format: Any) -> int:
    """Return the bytes of a model in a format; its visual half, which is never quantised, as bf16."""
    with torch.device("meta"):
        state = Transformer(config, seed=None).state_dict() if config.visual is not None else {}
    visual = sum(2 * prod(tensor.shape) for name, tensor in state.items() if name.startswith("visual."))
    return stored_bytes(config, weight_format) + visual


def _gib(size: int) -> str:
    return f"{size / GIB:,.1f} GiB" if size >= GIB / 10 else f"{size / 2**20:,.1f} MiB"
