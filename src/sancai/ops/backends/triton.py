"""Triton's kernels: what they need, and where each is; triton itself is imported when one is tried.

They are tried wherever Triton has a driver for the device, whoever makes it.  They were written without such a
device: the interpreter proved their arithmetic, the compiler that they compile.  A machine's own trial decides.
"""

import functools
import importlib
import importlib.metadata
import importlib.util
from collections.abc import Callable

import torch

from sancai.ops.roles import Kernel, Provider

LIBRARY = "triton"


def missing(device: torch.device) -> str | None:
    """Return why Triton cannot play on a device."""
    if device.type == "cpu":
        return "Triton has no kernels for a CPU"
    if importlib.util.find_spec(LIBRARY) is None:
        return "Triton is not installed"
    return None


def version() -> str:
    """Return Triton's version, from whichever package brings it."""
    found = importlib.metadata.packages_distributions().get(LIBRARY, [])
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in sorted(set(found)))


def _load(module: str, name: str) -> Kernel:
    return getattr(importlib.import_module(f"sancai.ops.backends.{module}"), name)


def _provider(role: str, module: str, name: str) -> Provider:
    load: Callable[[], Kernel] = functools.partial(_load, module, name)
    return Provider(role, LIBRARY, missing, load, version)


PROVIDERS = (
    _provider("sparse_attention", "triton_attention", "SPARSE_ATTENTION"),
    _provider("grouped_matmul", "triton_grouped", "GROUPED_MATMUL"),
    _provider("hyper_pre", "triton_streams", "HYPER_PRE"),
    _provider("hyper_post", "triton_streams", "HYPER_POST"),
    _provider("sinkhorn", "triton_sinkhorn", "SINKHORN"),
    _provider("compress", "triton_compress", "COMPRESS"),
)
