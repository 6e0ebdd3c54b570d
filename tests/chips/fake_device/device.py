"""The fake device: one tensor class over CPU data, and a table that says which operators the chip has.

`install` must run before the first backward pass of the process (the autograd engine counts devices once),
and a process has one fake device only.  What it refuses raises `RefusedError`, which names the rule.

Traps of PyTorch that shape this file: a fallback for the whole slot cannot be registered from Python, so
operators are resolved one by one; tensors made by composite kernels come through `empty`, which has no
tensor argument and needs a kernel of the slot; a wrapper's sizes are fixed, so an operator that resizes its
output cannot be modelled; `torch.save` of such tensors writes rubbish, so files hold host tensors.
"""

import functools
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch._C import DispatchKey
from torch.utils import backend_registration
from torch.utils._pytree import tree_map

from chips.fake_device.rules import ARITHMETIC, DYNAMIC, EMPTY, INDEXED, PRECISE, RANGES, READS, SAME, WHOLE
from sancai.device.chip import Chip
from sancai.device.operators import BASIC_OPERATORS
from sancai.device.transfer import is_transferring

COMPOSITES = (
    DispatchKey.CompositeExplicitAutograd,
    DispatchKey.CompositeExplicitAutogradNonFunctional,
    DispatchKey.CompositeImplicitAutograd,
)
HALVES = (torch.bfloat16, torch.float16)
Runner = Callable[[tuple[Any, ...], dict[str, Any]], Any]


class RefusedError(RuntimeError):
    """Something that the chip, or the rules for model code, do not allow."""


class DeviceTensor(torch.Tensor):
    """A tensor of the fake device; `held` is its data on the CPU."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> "DeviceTensor":
        device().check_dtype(held.dtype)
        out = torch.Tensor._make_wrapper_subclass(
            cls, held.shape, strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype,
            device=device().place,
        )  # fmt: skip
        out.held = held
        return out

    def tolist(self) -> Any:
        """Refuse: the host would wait for every value."""
        raise RefusedError("tolist reads values of the device on the host; use sancai.device.transfer.to_host")

    def numpy(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: numpy reads host memory only."""
        raise RefusedError("numpy reads values of the device on the host; use sancai.device.transfer.to_host")

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        here = device()
        runner = here.runners.get(func)
        if runner is None:
            runner = here.runners[func] = here.resolve(func)
        return runner(args, kwargs or {})


class FakeDevice:
    """One chip: its record, its table, and what has been asked of it."""

    def __init__(self, chip: Chip, table: frozenset[str]) -> None:
        self.chip, self.table = chip, table
        self.place = torch.device("cpu")  # until the slot has its name
        self.banned = {getattr(torch, name) for name in chip.banned_dtypes if hasattr(torch, name)}
        self.runners: dict[Any, Runner] = {}
        self.reached: Counter[str] = Counter()
        self.composed: Counter[str] = Counter()
        self.int64_arithmetic: Counter[str] = Counter()
        self.to_device = self.to_host = 0

    # -- resolving ----------------------------------------------------------------------------

    def resolve(self, func: Any) -> Runner:
        """Return how the chip runs an operator: natively, by PyTorch's decomposition, or not at all."""
        name = name_of(func)
        if name in READS:
            return self._refuse(name, "reads a value of the device on the host; use sancai.device.transfer.to_host")
        if name in DYNAMIC:
            return self._refuse(name, "has a shape that depends on values; use masks, padding or top-k")
        if name in ("_to_copy", "copy_"):
            return self._to_copy if name == "_to_copy" else self._copy
        native = SAME.get(name, name)
        if native not in BASIC_OPERATORS and native not in self.table:
            native = self._out_variant(func)
        if native is not None:
            return self._native(func, native)
        if any(func.has_kernel_for_dispatch_key(key) for key in COMPOSITES):
            return self._composite(func, name)
        return self._refuse(name, f"is not in the table of {self.chip.title} and PyTorch has no decomposition of it")

    def _out_variant(self, func: Any) -> str | None:
        """Return the variant of the table that writes the same result into a given tensor."""
        base = func._schema.name.removeprefix("aten::")
        wanted = {a.name for a in func._schema.arguments}
        packet = getattr(torch.ops.aten, base)
        for overload in packet.overloads():
            other = getattr(packet, overload)
            extra = {a.name for a in other._schema.arguments if not a.is_out}
            outs = [a for a in other._schema.arguments if a.is_out]
            if outs and extra == wanted and name_of(other) in self.table:
                return name_of(other)
        return None

    def _refuse(self, name: str, why: str) -> Runner:
        def refused(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            raise RefusedError(f"{name} {why}")

        return refused

    def _composite(self, func: Any, name: str) -> Runner:
        explicit = any(func.has_kernel_for_dispatch_key(k) for k in COMPOSITES[:2])
        slot = torch._C.DispatchKeySet(DispatchKey.PrivateUse1)

        def composed(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            self.composed[name] += 1
            if explicit:
                return func.redispatch(slot, *args, **kwargs)
            return func._op_dk(DispatchKey.CompositeImplicitAutograd, *args, **kwargs)

        return composed

    def _native(self, func: Any, name: str) -> Runner:
        given = [a.name for a in func._schema.arguments if a.alias_info is not None and a.alias_info.is_write]
        place = {a.name: n for n, a in enumerate(func._schema.arguments)}
        indexed, fresh, precise = name in INDEXED, name in EMPTY, name in PRECISE

        def native(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            self.reached[name] += 1
            if indexed:
                _check_indices(name, args)
            if precise and args[0].dtype in HALVES:
                raise RefusedError(f"{name} in {args[0].dtype}: scores, softmax and sorting run in fp32")
            if fresh:
                kwargs = {k: v for k, v in kwargs.items() if k not in ("device", "pin_memory")}
            out = func(*tree_map(self._open(name), args), **tree_map(self._open(name), kwargs))
            if given:
                written = [args[place[n]] if place[n] < len(args) else kwargs[n] for n in given]
                _check_sizes(name, written)
                return None if out is None else written[0] if len(written) == 1 else tuple(written)
            if fresh:
                spoil(out)
            return self._close(name, out)

        return native

    # -- data in and out ----------------------------------------------------------------------

    def _open(self, name: str) -> Callable[[Any], Any]:
        def opened(value: Any) -> Any:
            if isinstance(value, DeviceTensor):
                return value.held
            if isinstance(value, torch.Tensor) and value.dim():  # numbers travel with the call
                raise RefusedError(
                    f"{name} mixes devices: one argument of shape {list(value.shape)} lies on the {value.device.type}; "
                    "name device= where it is made, or use sancai.device.transfer.to_device"
                )
            if isinstance(value, torch.device):
                return torch.device("cpu")
            return value

        return opened

    def _close(self, name: str, out: Any) -> Any:
        if isinstance(out, torch.Tensor):
            if name in ARITHMETIC and out.dtype == torch.int64 and out.dim():
                self.int64_arithmetic[name] += 1
            return DeviceTensor(out)
        if isinstance(out, list | tuple):
            return type(out)(self._close(name, o) for o in out) if type(out) in (list, tuple) else tuple(
                self._close(name, o) for o in out
            )  # fmt: skip
        return out

    def check_dtype(self, dtype: torch.dtype) -> None:
        """Refuse what the chip's record bans."""
        if dtype in self.banned:
            raise RefusedError(f"{self.chip.title} must never see {dtype}")

    def _to_copy(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Change dtype or layout on the device; to the host only through `to_host`."""
        target = kwargs.get("device")
        rest = {k: v for k, v in kwargs.items() if k not in ("device", "non_blocking", "pin_memory")}
        if target is None or target.type == self.place.type:
            self.reached["_to_copy"] += 1
            return DeviceTensor(torch.ops.aten._to_copy(args[0].held, **rest))
        if target.type != "cpu" or not is_transferring():
            raise RefusedError(f"a hidden copy from the device to {target}; use sancai.device.transfer.to_host")
        self.to_host += 1
        return torch.ops.aten._to_copy(args[0].held, **rest)

    def _copy(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Copy inside the device; from and to the host only through the sanctioned ways."""
        target, source = args[0], args[1]
        if isinstance(target, DeviceTensor) and isinstance(source, DeviceTensor):
            self.reached["copy_"] += 1
            target.held.copy_(source.held)
        elif not is_transferring():
            raise RefusedError(
                "a hidden copy between host and device; use to_device or to_host of sancai.device.transfer"
            )
        elif isinstance(target, DeviceTensor):
            self.to_device += 1
            self.check_dtype(source.dtype)
            target.held.copy_(source)
        else:
            self.to_host += 1
            target.copy_(source.held)
        return target

    # -- tensors from nothing -----------------------------------------------------------------

    def register(self, library: torch.library.Library) -> None:
        """Give the slot the operators that have no tensor argument."""

        def empty(size: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: Any = None,
                  memory_format: Any = None) -> DeviceTensor:  # fmt: skip
            self.reached["empty.memory_format"] += 1
            return DeviceTensor(spoil(torch.empty(size, dtype=dtype, memory_format=memory_format, device="cpu")))

        def empty_strided(size: Any, stride: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
                          pin_memory: Any = None) -> DeviceTensor:  # fmt: skip
            self.reached["empty_strided"] += 1
            return DeviceTensor(spoil(torch.empty_strided(size, stride, dtype=dtype, device="cpu")))

        def make_range(*bounds: Any, dtype: Any = None, layout: Any = None, device: Any = None,
                       pin_memory: Any = None) -> Any:  # fmt: skip
            if "arange.start_out" not in self.table:
                raise RefusedError(f"arange is not in the table of {self.chip.title}")
            self.reached["arange.start_out"] += 1
            return self._close("arange.start_out", torch.arange(*bounds, dtype=dtype, device="cpu"))

        def copy_from(source: torch.Tensor, target: torch.Tensor, non_blocking: bool = False) -> torch.Tensor:
            return self._copy((target, source), {})  # torch.tensor(values, device=...) comes this way

        library.impl("_copy_from", copy_from, "PrivateUse1")
        library.impl("empty.memory_format", empty, "PrivateUse1")
        library.impl("empty_strided", empty_strided, "PrivateUse1")
        for name in RANGES:
            library.impl(name, make_range, "PrivateUse1")
        for name in WHOLE & self.table:
            library.impl(name, functools.partial(_whole, getattr(torch.ops.aten, name).default), "PrivateUse1")


def _whole(func: Any, *args: Any, **kwargs: Any) -> Any:
    return DeviceTensor.__torch_dispatch__(func, (), args, kwargs)


class _Module:
    """What PyTorch and Sancai ask of a device's module."""

    def is_initialized(self) -> bool:
        return True

    def is_available(self) -> bool:
        return True

    def current_device(self) -> int:
        return 0

    def device_count(self) -> int:
        return 1

    def get_device_name(self, index: int = 0) -> str:
        return f"fake device for {device().chip.title}"

    def _is_in_bad_fork(self) -> bool:
        return False

    def manual_seed_all(self, seed: int) -> None:
        return None

    def synchronize(self) -> None:
        return None


_installed: list[Any] = []


def install(chip: Chip, table: frozenset[str]) -> FakeDevice:
    """Put a fake device for the chip into PyTorch's open slot, under the chip's own device type."""
    if _installed:
        raise RuntimeError("a process has one fake device; start another process for another chip")
    here = FakeDevice(chip, table)
    backend_registration._setup_privateuseone_for_python_backend(chip.device_type, _Module())
    library = torch.library.Library("aten", "IMPL")
    here.register(library)
    here.place = torch.device(chip.device_type, 0)
    _installed.extend([here, library])
    return here


def device() -> FakeDevice:
    """Return the fake device of this process."""
    return _installed[0]


def name_of(func: Any) -> str:
    """Return an operator as tables write it: `add.Tensor`, `abs`."""
    base, overload = func._schema.name.removeprefix("aten::"), func._schema.overload_name
    return f"{base}.{overload}" if overload else base


def spoil(tensor: torch.Tensor) -> torch.Tensor:
    """Fill memory that nobody has written with what shows: NaN, large integers, True."""
    if tensor.is_floating_point() or tensor.is_complex():
        return tensor.fill_(float("nan"))
    return tensor.fill_(True if tensor.dtype == torch.bool else torch.iinfo(tensor.dtype).max // 3)


def _check_indices(name: str, args: tuple[Any, ...]) -> None:
    if any(isinstance(i, torch.Tensor) and i.dtype in (torch.bool, torch.uint8) for i in args[1]):
        raise RefusedError(f"{name} by a boolean mask has a shape that depends on values; use masked_fill or where")


def _check_sizes(name: str, written: list[Any]) -> None:
    for tensor in written:
        if isinstance(tensor, DeviceTensor) and (
            tensor.shape != tensor.held.shape or tensor.stride() != tensor.held.stride()
        ):
            raise RefusedError(f"{name} changed the sizes of a tensor that was there already")
