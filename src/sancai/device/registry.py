"""All chips: the families of this package, then those that other packages announce."""

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
"""In the order of search: families told apart by a device's name stand before the one that owns the rest."""
ENTRY_POINTS = "sancai.chips"


@lru_cache(maxsize=1)
def chips() -> dict[str, Chip]:
    """Return every known chip by key, those of other packages first."""
    found = {chip.key: chip for chip in _announced()}
    for name in FAMILIES:
        chip: Chip = importlib.import_module(f"sancai.device.families.{name}").CHIP
        found.setdefault(chip.key, chip)
    return found


def _announced() -> list[Chip]:
    """Return the records of other packages; each entry point names a `Chip`."""
    out = []
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        try:
            chip = point.load()
        except Exception as error:  # another package's code may raise anything, and takes nobody else's chip away
            warnings.warn(f"chip {point.name!r} ({point.value}) is left out: {error!r}", RuntimeWarning, stacklevel=2)
            continue
        if not isinstance(chip, Chip):
            raise DeviceError(f"entry point {point.name!r} ({point.value}) is a {type(chip).__name__}, expected a Chip")
        out.append(chip)
    return out


def chip_of(device_type: str, device_name: str = "") -> Chip:
    """Return the family of a device; of several families of one type the name decides.

    Raises:
        DeviceError: no family has this device type.
    """
    same = [c for c in chips().values() if c.device_type == device_type]
    if not same:
        known = sorted({c.device_type for c in chips().values()})
        raise DeviceError(f"no chip has the device type {device_type!r}; expected one of {', '.join(known)}")
    return next((c for c in same if c.owns(device_name)), same[-1])
