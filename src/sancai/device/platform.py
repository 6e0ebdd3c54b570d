"""What this machine is: asked for by capability, never by vendor."""

import contextlib
from dataclasses import dataclass
from functools import lru_cache

import torch

from sancai.errors import DeviceError


@dataclass(frozen=True)
class Platform:
    """One device to compute on.

    name: device type and model.  device: where tensors go.  dtype: what layers compute in.
    """

    name: str
    device: torch.device
    dtype: torch.dtype


@lru_cache(maxsize=8)
def current(device: str = "auto") -> Platform:
    """Return the machine's accelerator if it has one, else its CPU; or the device named."""
    if device == "auto":
        found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        device = found.type if found is not None else "cpu"
    try:
        place = torch.device(device)
        torch.zeros(1, device=place, dtype=torch.float32)
    except (RuntimeError, AssertionError) as error:
        raise DeviceError(
            f"device {device!r} cannot be used here ({str(error).splitlines()[0]}); use --device auto or --device cpu"
        ) from error
    return Platform(place.type, place, torch.float32 if place.type == "cpu" else torch.bfloat16)


def synchronize(platform: Platform) -> None:
    """Wait for queued work, so that a clock tells the truth."""
    if platform.device.type != "cpu":
        torch.accelerator.synchronize(platform.device)


def peak_memory_bytes() -> int:
    """Return the most memory this process has held, 0 where the system does not tell."""
    with contextlib.suppress(ImportError):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return 0
