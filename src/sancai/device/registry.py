"""The registry of chip families: those of this package and those that other packages register."""

import importlib
import importlib.metadata
import warnings
from functools import lru_cache

from sancai.device.chip import Chip
from sancai.errors import DeviceError

FAMILIES = (
    "ascend", "cambricon", "moore_threads", "enflame", "metax", "hygon", "kunlunxin", "iluvatar", "amd", "nvidia",
    "apple", "cpu",
)  # fmt: skip
"""In search order: families recognised by a device's name come before the one that owns the other names."""
ENTRY_POINTS = "sancai.chips"


@lru_cache(maxsize=1)
def chips() -> dict[str, Chip]:
    """Return every known chip family by key, those of other packages first."""
    found = {chip.key: chip for chip in _registered()}
    for name in FAMILIES:
        chip: Chip = importlib.import_module(f"sancai.device.families.{name}").CHIP
        found.setdefault(chip.key, chip)
    return found


def _registered() -> list[Chip]:
    """Return the records of other packages; each entry point refers to a `Chip`."""
    out = []
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        try:
            chip = point.load()
        except Exception as error:  # another package may raise anything; the other chips still load
            warnings.warn(f"chip {point.name!r} ({point.value}) is ignored: {error!r}", RuntimeWarning, stacklevel=2)
            continue
        if not isinstance(chip, Chip):
            raise DeviceError(f"entry point {point.name!r} ({point.value}) is a {type(chip).__name__}, expected a Chip")
        out.append(chip)
    return out


def chip_of(device_type: str, device_name: str = "") -> Chip:
    """Return the chip family of a device; among families of one device type the device's name decides.

    Raises:
        DeviceError: no family has this device type.
    """
    same = [c for c in chips().values() if c.device_type == device_type]
    if not same:
        known = sorted({c.device_type for c in chips().values()})
        raise DeviceError(f"no chip has the device type {device_type!r}; expected one of {', '.join(known)}")
    return next((c for c in same if c.owns(device_name)), same[-1])
