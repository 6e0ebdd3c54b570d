"""Kernels of chips and libraries, each behind the contract of its role; a library is imported only when it is tried."""

from sancai.ops.backends import ascend, triton
from sancai.ops.dispatch import Backend

BACKENDS: tuple[Backend, ...] = (*ascend.BACKENDS, *triton.BACKENDS)
