"""The device a process computes on: asked for by capability, never by vendor."""

import contextlib
import pathlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

from sancai.device.chip import Chip
from sancai.device.detect import device_name, resolve_device
from sancai.device.precision import Policy, policy


@dataclass(frozen=True)
class Platform:
    """One device to compute on.

    name: what it calls itself.  device: where tensors go.  policy: number formats.  chip: its family.
    """

    name: str
    device: torch.device
    policy: Policy
    chip: Chip

    @property
    def dtype(self) -> torch.dtype:
        """What layers compute in."""
        return self.policy.math


@lru_cache(maxsize=16)
def get_platform(device: str = "auto", dtype: str | None = None) -> Platform:
    """Return the best device of this machine, or the one named (chip's key or device type).

    Raises:
        DeviceError: it is not here, or does not compute in `dtype`.
    """
    chip, place = resolve_device(device)
    return Platform(device_name(place), place, policy(chip, dtype), chip)


def synchronize(platform: Platform) -> None:
    """Wait for queued work, so that a clock tells the truth."""
    synchronize_device(platform.device)


def synchronize_device(device: torch.device) -> None:
    """Wait for the work queued on one device."""
    if device.type != "cpu":
        _call(device, "synchronize")


def device_memory(platform: Platform) -> tuple[int, int] | None:
    """Return free and total bytes of device memory, None where the device does not tell."""
    if platform.device.type == "cpu":
        return None
    with contextlib.suppress(RuntimeError, AttributeError, TypeError):
        free, total = torch.get_device_module(platform.device).mem_get_info()
        return int(free), int(total)
    return None


def reset_peak(platform: Platform) -> None:
    """Begin to measure peak device memory anew; does nothing where that cannot be done."""
    if platform.device.type != "cpu":
        with contextlib.suppress(RuntimeError, AttributeError):
            _call(platform.device, "reset_peak_memory_stats")


def peak_memory_bytes(platform: Platform | None = None) -> int:
    """Return the most device memory, or memory of this process, held so far; 0 where nobody tells."""
    if platform is not None and platform.device.type != "cpu":
        with contextlib.suppress(RuntimeError, AttributeError):
            return int(_call(platform.device, "max_memory_allocated"))
        return 0
    with contextlib.suppress(OSError, ValueError, IndexError):  # Linux: unlike getrusage not the parent's at the start
        status = pathlib.Path("/proc/self/status").read_text(encoding="utf-8")
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    with contextlib.suppress(ImportError):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return 0


def free_cache(platform: Platform) -> None:
    """Give unused cached device memory back."""
    if platform.device.type != "cpu":
        with contextlib.suppress(RuntimeError, AttributeError):
            _call(platform.device, "empty_cache")


def set_device(device: torch.device) -> None:
    """Make a device the one that its library uses where none is named."""
    if device.type != "cpu" and device.index is not None:
        _call(device, "set_device", device.index)


def _call(device: torch.device, name: str, *arguments: Any) -> Any:
    """Call a function of the device's own module: torch.accelerator lacks some of them on some chips."""
    return getattr(torch.get_device_module(device), name)(*arguments)
