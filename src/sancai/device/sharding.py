"""Weights cut over the ranks: each keeps a part of every tensor, and all come together only to compute.

PyTorch's FSDP2 does the work (arXiv 2304.11277).  A tensor is cut along its first dimension as `Tensor.chunk` cuts, so
that experts stacked in one tensor stay whole.
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
    """Cut a model's weights over all ranks, in place, and place its part on the device; return the model.

    Gradients are added up over the ranks in fp32, not averaged.

    Args:
        parts: modules that come together one at a time, in the format of layers, and part again after use; the rest
            of the model stays together from the forward pass to the end of the backward pass.

    Raises:
        DeviceError: there is only one rank.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard

    if collectives.world_size() == 1:
        raise DeviceError(
            "one rank has nobody to share weights with; start several by `torchrun --nproc-per-node=N -m -- sancai "
            "train …`, or leave out --shard"
        )
    mesh = init_device_mesh(platform.device.type, (collectives.world_size(),))
    rest = MixedPrecisionPolicy(reduce_dtype=torch.float32, cast_forward_inputs=False)
    halved = MixedPrecisionPolicy(platform.dtype, torch.float32, cast_forward_inputs=False)
    for part in parts:
        fully_shard(part, mesh=mesh, mp_policy=halved)
    fully_shard(model, mesh=mesh, mp_policy=rest)
    warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view")  # nothing changes what a model returns
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)  # the one reduction that every library has
    return model


def is_sharded(tensor: Tensor) -> bool:
    """Return whether this is one rank's part of a tensor."""
    return hasattr(tensor, "placements")


def full_tensor(tensor: Tensor) -> Tensor:
    """Return the whole of a tensor; all ranks call this together."""
    return tensor.full_tensor() if is_sharded(tensor) else tensor  # type: ignore[attr-defined]


def to_local(tensor: Tensor) -> Tensor:
    """Return this rank's part of a tensor as a plain one that shares its memory."""
    return tensor.to_local() if is_sharded(tensor) else tensor  # type: ignore[attr-defined]


def from_local(rows: Tensor, like: Tensor) -> Tensor:
    """Return a plain tensor of this rank's rows as what `like` is: one rank's part of a tensor."""
    if not is_sharded(like):
        return rows
    from torch.distributed.tensor import DTensor

    known: Any = like
    return DTensor.from_local(
        rows, known.device_mesh, known.placements, run_check=False, shape=like.shape, stride=like.stride()
    )


def local_rows(rows: Tensor, like: Tensor) -> Tensor:
    """Return the rows of a whole tensor that this rank keeps of `like`, a part of one of the same shape."""
    if not is_sharded(like):
        return rows
    parts = rows.chunk(collectives.world_size())
    return parts[collectives.rank()] if collectives.rank() < len(parts) else rows[:0]


def full_matrices(parts: Sequence[Tensor], like: Sequence[Tensor]) -> list[Tensor]:
    """Return matrices (n, R, C): the whole of one that is cut in rows, of a stack this rank's own.

    Args:
        parts: this rank's part of each, plain: rows (r, C) of one matrix, or some (n, R, C) of a stack.
        like: the parameters they belong to, all with the same R and C; those in rows come together by one exchange.
    """
    rows, columns = like[0].shape[-2:]
    cut = [n for n, tensor in enumerate(like) if tensor.dim() == 2 and is_sharded(tensor)]
    found = [part.reshape(-1, rows, columns) if n not in cut else part for n, part in enumerate(parts)]
    if cut:
        most = -(-rows // collectives.world_size())
        mine = torch.stack([_padded(parts[n], most) for n in cut])
        ranks = collectives.all_gather(mine).unflatten(0, (-1, len(cut)))
        for n, matrix in zip(cut, ranks.transpose(0, 1).flatten(1, 2)[:, :rows], strict=True):
            found[n] = matrix[None]
    return found


def _padded(rows: Tensor, count: int) -> Tensor:
    """Return rows (n, C) with zeros after them, (count, C)."""
    return rows if len(rows) == count else F.pad(rows, (0, 0, 0, count - len(rows)))


def distribute_like(tensor: Tensor, like: Tensor) -> Tensor:
    """Return a whole tensor, the same on every rank, where and how `like` is kept."""
    return from_local(local_rows(to_device(tensor, like.device), like).clone(), like)


def full_state_dict(value: Any, keeps: bool = True) -> Any:
    """Return nested dictionaries, lists and tuples with every tensor whole and on the host, as files want them.

    All ranks call this together; one that does not keep the result gets empty tensors in their place.
    """

    def take(tensor: Tensor) -> Tensor:
        together = full_tensor(tensor)
        return to_host(together) if keeps else together.new_empty(0)

    return map_tensors(take, value)
