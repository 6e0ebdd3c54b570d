"""Our own kernels for CPUs (`native/` in the tree, package `sancai_native`): what they play, where it is installed."""

import functools
import importlib
import importlib.metadata
import importlib.util
from collections.abc import Callable

import torch

from sancai.ops.dispatch import Backend, Kernel

LIBRARY = "sancai_native"
NAME = "native"


def unavailable_reason(device: torch.device) -> str | None:
    """Return why the library cannot run on a device, or None."""
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


def _backend(operator: str, module: str, name: str) -> Backend:
    load: Callable[[], Kernel] = functools.partial(_load, module, name)
    return Backend(operator, NAME, unavailable_reason, load, version)


BACKENDS = (
    _backend("hyper_site", "native_site", "SITE"),
    _backend("hyper_head", "native_site", "HEAD"),
    _backend("rms_norm", "native_rows", "RMS_NORM"),
    _backend("rope", "native_rows", "ROPE"),
    _backend("norm_rope", "native_rows", "NORM_ROPE"),
    _backend("attention", "native_attention", "ATTENTION"),
    _backend("grouped_linear", "native_grouped_linear", "GROUPED_LINEAR"),
    _backend("compress", "native_compress", "COMPRESS"),
    _backend("experts", "native_experts", "EXPERTS"),
    _backend("muon_step", "native_optimizer", "MUON_STEP"),
    _backend("fused_adamw", "native_optimizer", "FUSED_ADAMW"),
)
