"""Kernels of chips and libraries, each behind the contract of its role; a library is imported only when it is tried."""

from sancai.ops.backends import ascend, native, triton
from sancai.ops.roles import Provider

PROVIDERS: tuple[Provider, ...] = (*ascend.PROVIDERS, *triton.PROVIDERS, *native.PROVIDERS)
