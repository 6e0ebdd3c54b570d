"""Transfers between host and device: the only functions that may copy across.

Within a training step or a forward pass nothing else may copy between host and device or read a value back, because
each device-to-host copy makes the host wait for the device.  The fake device of the tests refuses any other transfer.
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
    """Number of tensors copied in each direction."""

    to_device: int = 0
    to_host: int = 0


_counts: ContextVar[TransferCounts | None] = ContextVar("transfer_counts", default=None)
_is_open: ContextVar[bool] = ContextVar("transferring", default=False)


@contextlib.contextmanager
def count_transfers() -> Iterator[TransferCounts]:
    """Count the transfers made within a `with` block."""
    counts = TransferCounts()
    token = _counts.set(counts)
    try:
        yield counts
    finally:
        _counts.reset(token)


def is_transferring() -> bool:
    """Return whether one of these functions is copying at the moment."""
    return _is_open.get()


def to_device(tensor: Tensor, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """Return a tensor on the device, cast to `dtype` if given; does not synchronise."""
    if tensor.device == device and dtype in (None, tensor.dtype):
        return tensor
    if (counts := _counts.get()) is not None:
        counts.to_device += 1
    with _transfer():
        return tensor.to(device=device, dtype=dtype or tensor.dtype, non_blocking=True)


def to_host(tensor: Tensor) -> Tensor:
    """Return a detached tensor on the host; waits for the device."""
    if tensor.device.type == "cpu":
        return tensor.detach()
    if (counts := _counts.get()) is not None:
        counts.to_host += 1
    with _transfer():
        return tensor.detach().to("cpu")


def module_to_device(module: nn.Module, device: torch.device) -> nn.Module:
    """Move a module's parameters and buffers to the device, in place; return the module."""
    elsewhere = [t for t in (*module.parameters(), *module.buffers()) if t.device != device]
    if elsewhere:
        if (counts := _counts.get()) is not None:
            counts.to_device += len(elsewhere)
        with _transfer():
            module.to(device)
    return module


def map_tensors(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    """Return nested dictionaries, lists and (named) tuples with `change` applied to every tensor."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, dict):
        return {key: map_tensors(change, item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [map_tensors(change, item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value


@contextlib.contextmanager
def _transfer() -> Iterator[None]:
    token = _is_open.set(True)
    try:
        yield
    finally:
        _is_open.reset(token)
