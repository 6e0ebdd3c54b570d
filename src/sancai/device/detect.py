"""Device detection: the chips of this machine, and the one to use."""

import contextlib
import importlib
import importlib.util
import os
from dataclasses import dataclass

import torch

from sancai.device.chip import Chip
from sancai.device.registry import chip_of, chips
from sancai.errors import DeviceError, first_line

VARIABLE = "SANCAI_DEVICE"


@dataclass(frozen=True)
class DetectedDevices:
    """The devices of one type on this machine.  reason: how their chip family was recognised."""

    chip: Chip
    count: int
    name: str
    reason: str


def detect() -> list[DetectedDevices]:
    """Return the devices of this machine, best first; the CPU is always last.

    A vendor's package that does not import is passed over; `reasons_against` tells why.
    """
    found = [f for kind in _device_types() if (f := _probe(kind)) is not None]
    return [*found, DetectedDevices(chips()["cpu"], 1, "cpu", "every machine has one")]


def import_failures() -> dict[str, str]:
    """Return by chip the error of every vendor's package that is installed but does not work."""
    out = {}
    for chip in chips().values():
        if chip.module and importlib.util.find_spec(chip.module):
            try:
                importlib.import_module(chip.module)
                if not _count(chip.device_type):
                    out[chip.key] = f"{chip.module} imports but reports no device"
            except Exception as error:
                out[chip.key] = f"{chip.module} does not import: {first_line(error, type(error).__name__)}"
    return out


def resolve_device(wanted: str = "auto") -> tuple[Chip, torch.device]:
    """Return the chip and device for `auto`, a chip's key or a device type, each with an optional `:index`.

    `auto` uses SANCAI_DEVICE if that is set, else the best device found.  Each rank that `torchrun` starts gets its own
    device.

    Raises:
        DeviceError: the name is unknown, or the device is not available.
    """
    if wanted == "auto":
        wanted = os.environ.get(VARIABLE, "").strip() or detect()[0].chip.device_type
    name, _, index = wanted.partition(":")
    kind = chips()[name].device_type if name in chips() else name
    known = sorted({c.key for c in chips().values()} | {c.device_type for c in chips().values()})
    if name not in known or (index and not index.isdigit()):
        raise DeviceError(
            f"no device {wanted!r}; expected auto or one of {', '.join(known)}, with :0, :1 … for one of several"
        )
    _load_packages(kind)
    index = index or (os.environ.get("LOCAL_RANK", "") if kind != "cpu" else "")
    device = _usable(f"{kind}:{index}" if index else kind, wanted)
    here = device_name(device)
    chip = chip_of(kind, here)
    if name in chips() and chip.key != name:
        raise DeviceError(f"{wanted!r} was asked for, but {here!r} here is {chip.title}; use --device auto")
    return chip, device


def device_name(device: torch.device) -> str:
    """Return the name that the device reports, its type if it has none."""
    if device.type in ("cpu", "mps"):
        return device.type
    try:
        return str(torch.get_device_module(device).get_device_name(device.index or 0))
    except Exception:
        return device.type


def _device_types() -> list[str]:
    """Return the device types of accelerators, those with a vendor's package first."""
    kinds = sorted(chips().values(), key=lambda c: c.module is None)
    return list(dict.fromkeys(c.device_type for c in kinds if c.device_type != "cpu"))


def _probe(kind: str) -> DetectedDevices | None:
    """Return the devices of a type, None if there are none."""
    _load_packages(kind)
    try:
        count = _count(kind)
        if not count:
            return None
        name = device_name(torch.device(kind, 0))
    except Exception:
        return None
    chip = chip_of(kind, name)
    reason = f"its name is {name!r}" if chip.name_pattern else f"the device type {kind} is available"
    return DetectedDevices(chip, count, name, reason)


def _load_packages(kind: str) -> None:
    """Import the vendors' packages of a device type, if installed; ignore any error."""
    for chip in chips().values():
        if chip.device_type == kind and chip.module and importlib.util.find_spec(chip.module):
            with contextlib.suppress(Exception):
                importlib.import_module(chip.module)


def _count(kind: str) -> int:
    """Return the number of devices of a type, 0 if PyTorch does not know the type."""
    if kind == "mps":
        return int(torch.backends.mps.is_available())
    module = getattr(torch, kind, None)
    return int(module.device_count()) if module is not None and module.is_available() else 0


def _usable(name: str, wanted: str) -> torch.device:
    """Return the device after creating a first tensor on it."""
    try:
        device = torch.device(name)
        first = torch.zeros(1, device=device, dtype=torch.float32)
    except Exception as error:
        reason = _missing_package(name.partition(":")[0]) or first_line(error, type(error).__name__)
        raise DeviceError(
            f"device {wanted!r} cannot be used here ({reason}); use --device auto or --device cpu"
        ) from error
    return device if device.type == "cpu" else first.device  # with its index


def _missing_package(kind: str) -> str | None:
    """Return which vendor's package is needed but not installed, or None."""
    modules = [c.module for c in chips().values() if c.device_type == kind and c.module]
    absent = [m for m in modules if not importlib.util.find_spec(m)]
    return f"{absent[0]} is not installed" if absent else None
