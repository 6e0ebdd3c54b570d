"""Collective communication between ranks, on the library of each chip.

PyTorch renames its collectives from release to release, and vendors follow years later, so all calls are here; only
sharded weights are gathered and scattered by PyTorch itself (`sharding`).  Every function must be called by all ranks;
with one rank it returns its argument.
"""

import os
from collections.abc import Sequence
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from sancai.device.platform import Platform, set_device
from sancai.errors import DeviceError

TIMEOUT_MINUTES = 10
"""How long a rank waits for the others."""
_is_initialized = False


def init_ranks(platform: Platform) -> tuple[int, int]:
    """Join the process group that `torchrun` started; return (rank, world size), (0, 1) without torchrun.

    Raises:
        DeviceError: the chip's collective library cannot be used.
    """
    global _is_initialized
    if "RANK" not in os.environ:
        return 0, 1
    set_device(platform.device)
    if not dist.is_initialized():
        try:
            dist.init_process_group(platform.chip.collectives, timeout=timedelta(minutes=TIMEOUT_MINUTES))
        except (RuntimeError, ValueError, ImportError) as error:
            raise DeviceError(
                f"{platform.chip.title} cannot start its collectives ({platform.chip.collectives}): {error}; "
                "run `sancai doctor` to see what is installed"
            ) from error
    _is_initialized = True
    return rank(), world_size()


def shut_down() -> None:
    """Leave the process group."""
    global _is_initialized
    if _is_initialized:
        dist.destroy_process_group()
    _is_initialized = False


def rank() -> int:
    """Return the rank of this process; 0 before `init_ranks`."""
    return dist.get_rank() if _is_initialized else 0


def is_rank_zero() -> bool:
    """Return whether this process is rank 0, which alone writes files and prints."""
    return rank() == 0


def world_size() -> int:
    """Return the number of ranks; 1 before `init_ranks`."""
    return dist.get_world_size() if _is_initialized else 1


def barrier(platform: Platform) -> None:
    """Wait until all ranks have called this."""
    all_reduce(torch.zeros(1, dtype=torch.float32, device=platform.device))


def all_reduce(tensor: Tensor) -> Tensor:
    """Return the sum of all ranks' tensors (any shape); overwrites `tensor`."""
    if world_size() > 1:
        dist.all_reduce(tensor)
    return tensor


def all_reduce_coalesced(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return the sums over all ranks of each tensor, by one collective; leaves `tensors` unchanged."""
    if world_size() == 1 or not tensors:
        return list(tensors)
    flat = all_reduce(torch.cat([t.flatten() for t in tensors]))
    parts = flat.split([t.numel() for t in tensors])
    return [part.view(t.shape) for part, t in zip(parts, tensors, strict=True)]


def all_gather(tensor: Tensor) -> Tensor:
    """Return all ranks' tensors (n, ...), concatenated in rank order, (world size · n, ...)."""
    if world_size() == 1:
        return tensor
    out = [torch.empty_like(tensor) for _ in range(world_size())]
    dist.all_gather(out, tensor.contiguous())
    return torch.cat(out)
