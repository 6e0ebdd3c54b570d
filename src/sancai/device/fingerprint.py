"""What a device calls itself and which software drives it, and where a machine keeps what it learnt of itself."""

import contextlib
import os
import pathlib
import sys

import torch

VARIABLE = "SANCAI_CACHE"


def device_fingerprint(device: torch.device) -> dict[str, str]:
    """Return device name, driver and library versions, as far as the machine tells; stable between processes."""
    found = {"device": device.type, "torch": torch.__version__}
    if device.type == "cpu":
        return found
    module = torch.get_device_module(device)
    with contextlib.suppress(RuntimeError, AttributeError, AssertionError):
        found["name"] = str(module.get_device_name(device))
    for name in ("cuda", "hip", "cann", "musa"):
        for place in (torch.version, getattr(module, "version", None), getattr(module, "utils", None)):
            if value := getattr(place, name, None):
                found[name] = str(value)
    with contextlib.suppress(OSError):
        first = pathlib.Path("/proc/driver/nvidia/version").read_text(encoding="utf-8").splitlines()[0]
        found["driver"] = " ".join(first.split())
    return found


def cache_folder() -> pathlib.Path:
    """Return the folder for things that can be made again: SANCAI_CACHE, or `sancai` in the user's cache folder.

    It may not exist yet.
    """
    if named := os.environ.get(VARIABLE):
        return pathlib.Path(named)
    if named := os.environ.get("XDG_CACHE_HOME"):
        return pathlib.Path(named) / "sancai"
    home = pathlib.Path.home()
    if sys.platform == "win32":
        return pathlib.Path(os.environ.get("LOCALAPPDATA", home)) / "sancai"
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "sancai"
