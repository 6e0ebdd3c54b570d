"""The two sanctioned ways between host and device.

Inside a training step or a forward pass nothing else may copy across or read a value back: every such
crossing makes the host wait for the device.  The stand-in device of the tests refuses any other.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass
class TransferCounts:
    """How often tensors crossed."""

    to_device: int = 0
    to_host: int = 0


_counts: ContextVar[TransferCounts | None] = ContextVar("crossings", default=None)
_open: ContextVar[bool] = ContextVar("crossing", default=False)


@contextlib.contextmanager
def count_transfers() -> Iterator[TransferCounts]:
    """Count the crossings made inside."""
    counts = TransferCounts()
    token = _counts.set(counts)
    try:
        yield counts
    finally:
        _counts.reset(token)


def is_transferring() -> bool:
    """Return whether a sanctioned crossing is under way."""
    return _open.get()


def to_device(tensor: Tensor, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """Return a tensor on the device; the host does not wait."""
    if tensor.device == device and dtype in (None, tensor.dtype):
        return tensor
    if (counts := _counts.get()) is not None:
        counts.to_device += 1
    with _crossing():
        return tensor.to(device=device, dtype=dtype or tensor.dtype, non_blocking=True)


def to_host(tensor: Tensor) -> Tensor:
    """Return a detached tensor on the host; the host waits for it."""
    if tensor.device.type == "cpu":
        return tensor.detach()
    if (counts := _counts.get()) is not None:
        counts.to_host += 1
    with _crossing():
        return tensor.detach().to("cpu")


def module_to_device(module: nn.Module, device: torch.device) -> nn.Module:
    """Place a module's parameters and buffers on the device, in place; return the module."""
    here = [t for t in (*module.parameters(), *module.buffers()) if t.device != device]
    if here:
        if (counts := _counts.get()) is not None:
            counts.to_device += len(here)
        with _crossing():
            module.to(device)
    return module


def map_tensors(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    """Return nested dictionaries, lists and tuples with every tensor changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, dict):
        return {key: map_tensors(change, item) for key, item in value.items()}
    return type(value)(map_tensors(change, item) for item in value) if isinstance(value, list | tuple) else value


@contextlib.contextmanager
def _crossing() -> Iterator[None]:
    token = _open.set(True)
    try:
        yield
    finally:
        _open.reset(token)
