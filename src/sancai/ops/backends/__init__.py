"""Backends: kernels of chips and libraries.  A library is imported only when its kernel is loaded."""

from sancai.ops.backends import ascend, native, triton
from sancai.ops.dispatch import Backend

BACKENDS: tuple[Backend, ...] = (*ascend.BACKENDS, *triton.BACKENDS, *native.BACKENDS)
