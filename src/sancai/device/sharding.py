"""Sharded weights by PyTorch's FSDP2 (arXiv 2304.11277): each rank keeps a part of every tensor.

A tensor is split along its first dimension as `Tensor.chunk` splits, so the experts of a stacked tensor stay complete.
"""

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sancai.device import collectives
from sancai.device.platform import Platform
from sancai.device.transfer import map_tensors, to_device, to_host
from sancai.errors import DeviceError


def shard(model: nn.Module, parts: Iterable[nn.Module], platform: Platform) -> nn.Module:
    """Shard a model's weights over all ranks, in place, and move this rank's part to the device; return the model.

    Gradients are summed over the ranks in fp32, not averaged.

    Args:
        parts: modules that are gathered one at a time, in the layers' dtype, and freed after use; the rest of the model
            stays gathered from the forward pass to the end of the backward pass.

    Raises:
        DeviceError: there is only one rank.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard

    if collectives.world_size() == 1:
        raise DeviceError(
            "weights cannot be sharded with one rank; start several by `torchrun --nproc-per-node=N -m -- sancai "
            "train …`, or leave out --shard"
        )
    mesh = init_device_mesh(platform.device.type, (collectives.world_size(),))
    rest = MixedPrecisionPolicy(reduce_dtype=torch.float32, cast_forward_inputs=False)
    low_precision = MixedPrecisionPolicy(platform.dtype, torch.float32, cast_forward_inputs=False)
    for part in parts:
        fully_shard(part, mesh=mesh, mp_policy=low_precision)
    fully_shard(model, mesh=mesh, mp_policy=rest)
    warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view")  # outputs are never changed in place
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)  # the only reduction that every library supports
    return model


def is_sharded(tensor: Tensor) -> bool:
    """Return whether a tensor is a DTensor, of which this rank holds one shard."""
    return hasattr(tensor, "placements")


def full_tensor(tensor: Tensor) -> Tensor:
    """Gather a sharded tensor; all ranks must call this together."""
    return tensor.full_tensor() if is_sharded(tensor) else tensor  # type: ignore[attr-defined]


def to_local(tensor: Tensor) -> Tensor:
    """Return this rank's shard as a plain tensor that shares its memory."""
    return tensor.to_local() if is_sharded(tensor) else tensor  # type: ignore[attr-defined]


def from_local(rows: Tensor, like: Tensor) -> Tensor:
    """Return this rank's rows (plain) as a sharded tensor with the shape and placement of `like`."""
    if not is_sharded(like):
        return rows
    from torch.distributed.tensor import DTensor

    known: Any = like
    return DTensor.from_local(
        rows, known.device_mesh, known.placements, run_check=False, shape=like.shape, stride=like.stride()
    )


def local_rows(rows: Tensor, like: Tensor) -> Tensor:
    """Return this rank's rows of a full tensor, split as `like` is split."""
    if not is_sharded(like):
        return rows
    parts = rows.chunk(collectives.world_size())
    return parts[collectives.rank()] if collectives.rank() < len(parts) else rows[:0]


def full_matrices(parts: Sequence[Tensor], like: Sequence[Tensor]) -> list[Tensor]:
    """Return matrices (n, R, C): gathers each matrix that is sharded by rows, keeps this rank's matrices of a stack.

    Args:
        parts: this rank's plain shard of each parameter: rows (r, C) of a matrix, or matrices (n, R, C) of a stack.
        like: the parameters themselves, all with the same R and C; row-sharded ones are gathered by one collective.
    """
    rows, columns = like[0].shape[-2:]
    split = [n for n, tensor in enumerate(like) if tensor.dim() == 2 and is_sharded(tensor)]
    found = [part.reshape(-1, rows, columns) if n not in split else part for n, part in enumerate(parts)]
    if split:
        largest = -(-rows // collectives.world_size())
        mine = torch.stack([_pad_rows(parts[n], largest) for n in split])
        ranks = collectives.all_gather(mine).unflatten(0, (-1, len(split)))
        for n, matrix in zip(split, ranks.transpose(0, 1).flatten(1, 2)[:, :rows], strict=True):
            found[n] = matrix[None]
    return found


def _pad_rows(rows: Tensor, count: int) -> Tensor:
    """Return rows (n, C) padded with zeros to (count, C)."""
    return rows if len(rows) == count else F.pad(rows, (0, 0, 0, count - len(rows)))


def distribute_like(tensor: Tensor, like: Tensor) -> Tensor:
    """Return a full tensor, equal on all ranks, on the device of `like` and sharded as `like` is."""
    return from_local(local_rows(to_device(tensor, like.device), like).clone(), like)


def full_state_dict(value: Any, keeps: bool = True) -> Any:
    """Return nested dictionaries, lists and tuples with every tensor gathered and on the host, as files need them.

    All ranks must call this together; ranks with `keeps=False` get empty tensors.
    """

    def gather(tensor: Tensor) -> Tensor:
        full = full_tensor(tensor)
        return to_host(full) if keeps else full.new_empty(0)

    return map_tensors(gather, value)
