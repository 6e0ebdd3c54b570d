"""The platform of a process: its device, chip family and compute dtype, queried by capability and never by vendor."""

import contextlib
import pathlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

from sancai.device.chip import Chip
from sancai.device.detect import device_name, resolve_device
from sancai.errors import DeviceError


@dataclass(frozen=True)
class Platform:
    """One device to compute on.

    name: the name that the device reports.
    device: where tensors go.
    dtype: the dtype that layers compute in.  Weights, routing and reductions are fp32.
    chip: its chip family.
    """

    name: str
    device: torch.device
    dtype: torch.dtype
    chip: Chip


@lru_cache(maxsize=16)
def get_platform(device: str = "auto", dtype: str | None = None) -> Platform:
    """Return the best device of this machine, or the one named by a chip's key or a device type.

    dtype: name of a dtype that the chip computes in; its best one if None.

    Raises:
        DeviceError: the device is not available, or does not compute in `dtype`.
    """
    chip, found = resolve_device(device)
    return Platform(device_name(found), found, compute_dtype(chip, dtype), chip)


def compute_dtype(chip: Chip, name: str | None = None) -> torch.dtype:
    """Return the dtype of a chip's matrix products: its best one, or the one named.

    Raises:
        DeviceError: the chip does not compute in it.
    """
    name = name or chip.best_dtype
    if name not in chip.compute_dtypes:
        raise DeviceError(f"{chip.title} does not compute in {name}; expected one of {', '.join(chip.compute_dtypes)}")
    found: torch.dtype = getattr(torch, name)
    return found


def synchronize(platform: Platform) -> None:
    """Wait until the device has finished its queued work, for example before reading a clock."""
    synchronize_device(platform.device)


def synchronize_device(device: torch.device) -> None:
    """Wait until one device has finished its queued work."""
    if device.type != "cpu":
        _call(device, "synchronize")


def device_memory(platform: Platform) -> tuple[int, int] | None:
    """Return free and total bytes of device memory, None where the device does not report them."""
    if platform.device.type == "cpu":
        return None
    with contextlib.suppress(RuntimeError, AttributeError, TypeError):
        free, total = torch.get_device_module(platform.device).mem_get_info()
        return int(free), int(total)
    return None


def reset_peak(platform: Platform) -> None:
    """Reset the peak memory statistics of the device, where it has any."""
    if platform.device.type != "cpu":
        with contextlib.suppress(RuntimeError, AttributeError):
            _call(platform.device, "reset_peak_memory_stats")


def peak_memory_bytes(platform: Platform | None = None) -> int:
    """Return the peak bytes of device memory, or of this process on a CPU; 0 where they are unknown."""
    if platform is not None and platform.device.type != "cpu":
        with contextlib.suppress(RuntimeError, AttributeError):
            return int(_call(platform.device, "max_memory_allocated"))
        return 0
    with contextlib.suppress(OSError, ValueError, IndexError):  # Linux; getrusage would start at the parent's peak
        status = pathlib.Path("/proc/self/status").read_text(encoding="utf-8")
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    with contextlib.suppress(ImportError):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return 0


def set_device(device: torch.device) -> None:
    """Make a device the current one of its library."""
    if device.type != "cpu" and device.index is not None:
        _call(device, "set_device", device.index)


def _call(device: torch.device, name: str, *arguments: Any) -> Any:
    """Call a function of the device's module, because torch.accelerator lacks some of them on some chips."""
    return getattr(torch.get_device_module(device), name)(*arguments)
