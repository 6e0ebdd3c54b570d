"""The Triton backend: availability, and the module of each kernel; triton is imported when a kernel is loaded.

The kernels are candidates wherever Triton has a driver for the device, whatever its vendor.  They were written without
such a device: Triton's interpreter verified their arithmetic, its compilers that they compile.  Verification on the
machine itself decides whether one is used.
"""

import functools
import importlib
import importlib.metadata
import importlib.util
from collections.abc import Callable

import torch

from sancai.ops.dispatch import Backend, Kernel

LIBRARY = "triton"


def unavailable_reason(device: torch.device) -> str | None:
    """Return why Triton cannot run on a device, or None."""
    if device.type == "cpu":
        return "Triton has no kernels for a CPU"
    if importlib.util.find_spec(LIBRARY) is None:
        return "Triton is not installed"
    return None


def version() -> str:
    """Return the name and version of the package that provides Triton."""
    found = importlib.metadata.packages_distributions().get(LIBRARY, [])
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in sorted(set(found)))


def _load(module: str, name: str) -> Kernel:
    return getattr(importlib.import_module(f"sancai.ops.backends.{module}"), name)


def _backend(operator: str, module: str, name: str) -> Backend:
    load: Callable[[], Kernel] = functools.partial(_load, module, name)
    return Backend(operator, LIBRARY, unavailable_reason, load, version)


BACKENDS = (
    _backend("sparse_attention", "triton_attention", "SPARSE_ATTENTION"),
    _backend("grouped_matmul", "triton_grouped", "GROUPED_MATMUL"),
    _backend("hyper_pre", "triton_streams", "HYPER_PRE"),
    _backend("hyper_post", "triton_streams", "HYPER_POST"),
    _backend("sinkhorn", "triton_sinkhorn", "SINKHORN"),
    _backend("compress", "triton_compress", "COMPRESS"),
)
