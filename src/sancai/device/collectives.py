"""Six ways for devices to exchange tensors, on whichever library the chip has.

PyTorch renames its own from release to release and makers follow years apart, so only these are called; sharded
weights alone are gathered and scattered by PyTorch (`sharding`).
Every function is called by all ranks alike; with one rank all of them are the identity.
"""

import os
from collections.abc import Sequence
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from sancai.device.platform import Platform, set_device
from sancai.errors import DeviceError

MINUTES = 10
"""How long a rank waits for the others."""
_joined = False


def init_ranks(platform: Platform) -> tuple[int, int]:
    """Join the ranks that `torchrun` started; return this rank and their number: (0, 1) without torchrun.

    Raises:
        DeviceError: the chip's library of collectives cannot be used.
    """
    global _joined
    if "RANK" not in os.environ:
        return 0, 1
    set_device(platform.device)
    if not dist.is_initialized():
        try:
            dist.init_process_group(platform.chip.collectives, timeout=timedelta(minutes=MINUTES))
        except (RuntimeError, ValueError, ImportError) as error:
            raise DeviceError(
                f"{platform.chip.title} cannot start its collectives ({platform.chip.collectives}): {error}; "
                "sancai doctor tells what is installed"
            ) from error
    _joined = True
    return rank(), world_size()


def shut_down() -> None:
    """Leave the ranks."""
    global _joined
    if _joined:
        dist.destroy_process_group()
    _joined = False


def rank() -> int:
    """Return which of the ranks that `start` joined this process is."""
    return dist.get_rank() if _joined else 0


def is_rank_zero() -> bool:
    """Return whether this process is rank 0, which alone writes files and prints."""
    return rank() == 0


def world_size() -> int:
    """Return the number of ranks that `start` joined; 1 where something else shards the work."""
    return dist.get_world_size() if _joined else 1


def barrier(platform: Platform) -> None:
    """Return when all ranks have come here."""
    all_reduce(torch.zeros(1, dtype=torch.float32, device=platform.device))


def all_reduce(tensor: Tensor) -> Tensor:
    """Return the sum of all ranks' tensors; the tensor given is overwritten with it."""
    if world_size() > 1:
        dist.all_reduce(tensor)
    return tensor


def all_reduce_coalesced(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return the sums of all ranks' lists of tensors, by one exchange; the tensors given stay as they are."""
    if world_size() == 1 or not tensors:
        return list(tensors)
    flat = all_reduce(torch.cat([t.flatten() for t in tensors]))
    parts = flat.split([t.numel() for t in tensors])
    return [part.view(t.shape) for part, t in zip(parts, tensors, strict=True)]


def all_gather(tensor: Tensor) -> Tensor:
    """Return all ranks' tensors (n, ...) one after the other, (ranks · n, ...)."""
    if world_size() == 1:
        return tensor
    out = [torch.empty_like(tensor) for _ in range(world_size())]
    dist.all_gather(out, tensor.contiguous())
    return torch.cat(out)


def reduce_scatter(tensor: Tensor) -> Tensor:
    """Return this rank's part (n, ...) of the sum of all ranks' tensors (ranks · n, ...)."""
    if world_size() == 1:
        return tensor
    parts = [part.contiguous() for part in tensor.chunk(world_size())]
    out = torch.empty_like(parts[0])
    dist.reduce_scatter(out, parts)
    return out


def all_to_all(tensor: Tensor, send: list[int], receive: list[int]) -> Tensor:
    """Return the rows that the others sent here: `send[r]` rows go to rank r, `receive[r]` come from it."""
    if world_size() == 1:
        return tensor
    out = tensor.new_empty((sum(receive), *tensor.shape[1:]))
    dist.all_to_all_single(out, tensor.contiguous(), receive, send)
    return out


def broadcast(tensor: Tensor, source: int = 0) -> Tensor:
    """Return the tensor of one rank; the tensor given is overwritten with it."""
    if world_size() > 1:
        dist.broadcast(tensor, source)
    return tensor


def send_receive(tensor: Tensor, target: int, source: int) -> Tensor:
    """Send a tensor to one rank and return the one of the same shape that another sent."""
    if world_size() == 1:
        return tensor
    out = torch.empty_like(tensor)
    for request in dist.batch_isend_irecv([
        dist.P2POp(dist.isend, tensor.contiguous(), target), dist.P2POp(dist.irecv, out, source),
    ]):  # fmt: skip
        request.wait()
    return out
