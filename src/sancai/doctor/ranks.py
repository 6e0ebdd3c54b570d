"""One rank of doctor's check of collectives: exchange tensors, then train, and compare with the expected values."""

import pathlib
import sys

import torch

from sancai.device import collectives
from sancai.device.platform import get_platform
from sancai.device.transfer import to_host
from sancai.doctor.training import TOLERANCE, largest_error, loss_curve


def main(key: str, folder: pathlib.Path) -> None:
    """Run both checks; raises ArithmeticError where the values are wrong."""
    platform = get_platform(key)
    rank, world = collectives.init_ranks(platform)
    try:
        _exchange(platform.device, rank, world)
        off, step = largest_error(loss_curve(key, folder))
        if off > TOLERANCE:
            raise ArithmeticError(f"losses of {world} ranks are off by {off:.2%} at step {step}")
    finally:
        collectives.shut_down()


def _exchange(device: torch.device, rank: int, world: int) -> None:
    mine = torch.arange(2 * world, device=device, dtype=torch.float32)[:, None] + 100 * rank
    every = [torch.arange(2 * world, dtype=torch.float32, device="cpu")[:, None] + 100 * r for r in range(world)]
    total = sum(every, torch.zeros_like(every[0]))
    for name, got, wanted in (
        ("all_reduce", collectives.all_reduce(mine.clone()), total),
        ("all_gather", collectives.all_gather(mine), torch.cat(every)),
    ):
        if not torch.equal(to_host(got), wanted):
            raise ArithmeticError(f"{name} gave wrong numbers on rank {rank}")


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]))
