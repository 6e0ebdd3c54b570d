"""The fingerprint of a device and its software, and the user's cache folder."""

import contextlib
import os
import pathlib

import platformdirs
import torch

VARIABLE = "SANCAI_CACHE"


def device_fingerprint(device: torch.device) -> dict[str, str]:
    """Return device name, driver and library versions where they are known; equal in every process of a machine."""
    found = {"device": device.type, "torch": torch.__version__}
    if device.type == "cpu":
        return found
    module = torch.get_device_module(device)
    with contextlib.suppress(RuntimeError, AttributeError, AssertionError):
        found["name"] = str(module.get_device_name(device))
    for name in ("cuda", "hip", "cann", "musa"):
        for source in (torch.version, getattr(module, "version", None), getattr(module, "utils", None)):
            if value := getattr(source, name, None):
                found[name] = str(value)
    with contextlib.suppress(OSError):
        first = pathlib.Path("/proc/driver/nvidia/version").read_text(encoding="utf-8").splitlines()[0]
        found["driver"] = " ".join(first.split())
    return found


def cache_folder() -> pathlib.Path:
    """Return the folder for files that can be made again: SANCAI_CACHE, or `sancai` in the user's cache folder.

    It may not exist yet.
    """
    named = os.environ.get(VARIABLE)
    return pathlib.Path(named) if named else platformdirs.user_cache_path("sancai", appauthor=False)
