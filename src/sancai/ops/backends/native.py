"""Our own kernels for CPUs (`native/` in the tree, package `sancai_native`): what they play, where it is installed."""

import functools
import importlib
import importlib.metadata
import importlib.util
from collections.abc import Callable

import torch

from sancai.ops.roles import Kernel, Provider

LIBRARY = "sancai_native"
NAME = "native"


def missing(device: torch.device) -> str | None:
    """Return why the library cannot play on a device."""
    if device.type != "cpu":
        return "the native kernels are for CPUs"
    if importlib.util.find_spec(LIBRARY) is None:
        return "sancai-native is not installed; `make setup` builds it where there is a C++ compiler"
    return None


def version() -> str:
    """Return the library's version and the instruction set in use."""
    library = importlib.import_module(LIBRARY)
    return f"{library.__version__} {library.instruction_set()}"


def _load(module: str, name: str) -> Kernel:
    return getattr(importlib.import_module(f"sancai.ops.backends.{module}"), name)


def _provider(role: str, module: str, name: str) -> Provider:
    load: Callable[[], Kernel] = functools.partial(_load, module, name)
    return Provider(role, NAME, missing, load, version)


PROVIDERS = (
    _provider("hyper_site", "native_site", "SITE"),
    _provider("rms_norm", "native_rows", "RMS_NORM"),
    _provider("rope", "native_rows", "ROPE"),
    _provider("norm_rope", "native_rows", "NORM_ROPE"),
    _provider("attention", "native_attention", "ATTENTION"),
    _provider("experts", "native_experts", "EXPERTS"),
    _provider("muon_step", "native_optimizer", "MUON_STEP"),
    _provider("fused_adamw", "native_optimizer", "FUSED_ADAMW"),
)
