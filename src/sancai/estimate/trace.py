"""Trace of a run: FLOPs, bytes moved, kernel launches and peak memory, counted operator by operator.

`Trace` sees every operator below autograd.  On the meta device, which computes shapes only, a model of any size runs in
little memory; on a real device the counts are those of the real run.  FLOPs come from PyTorch's `flop_registry`.

    with torch.device("meta"):
        model = Transformer(config)
    with Trace() as trace:
        model(packed)
    trace.flops, trace.bytes_moved, trace.launches, trace.peak_bytes
"""

import weakref
from collections import Counter, defaultdict
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

FREE = (
    "detach", "view", "_unsafe_view", "lift_fresh", "alias", "empty", "empty_strided", "empty_like", "new_empty",
    "prim::device",
)  # fmt: skip
"""Operators that move no data."""
GATHERS = ("index", "index_select", "gather", "embedding")
"""Operators that read as much as they write, however large their source is."""
SCATTERS = ("index_put_", "_index_put_impl_")
"""Operators that read their last operand, and read and write as much of the tensor that they add it to."""
TRANSFERS = ("_to_copy", "copy_")
"""Operators that may take tensors on two devices."""


class Trace(TorchDispatchMode):
    """Counts every operator within a `with` block.

    parts: FLOPs, bytes and launches by part; the caller sets `part`.
    flops_of: FLOPs by part and dtype.
    dtypes: floating-point outputs by part and dtype.
    calls: launches by operator.
    mixed: operators whose tensors were on several devices.
    wide: operators with float64 or complex tensors.
    """

    def __init__(self, device: str = "meta") -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.device = device
        self.flops_of: Counter[tuple[str, torch.dtype]] = Counter()
        self.dtypes: Counter[tuple[str, torch.dtype]] = Counter()
        self.calls: Counter[str] = Counter()
        self.mixed: Counter[str] = Counter()
        self.wide: Counter[str] = Counter()
        self.part = ""
        self.parts: dict[str, Counter[str]] = defaultdict(Counter)
        self.live_bytes = self.peak_bytes = 0
        self._held: dict[int, weakref.ref[Any]] = {}

    @property
    def flops(self) -> int:
        """Floating-point operations of matrix products; a multiply-add counts as two."""
        return sum(self.flops_of.values())

    @property
    def bytes_moved(self) -> int:
        """Bytes read and written by all operators."""
        return sum(counts["bytes"] for counts in self.parts.values())

    @property
    def launches(self) -> int:
        return sum(self.calls.values())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, where)  # type: ignore[no-untyped-call]
        self._held.clear()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if any(t.device.type == self.device for t in _tensors((args, kwargs, out))):
            self._count(func, args, kwargs or {}, out)
        return out

    def _count(self, func: Any, args: Any, kwargs: dict[str, Any], out: Any) -> None:
        read, made = list(_tensors((args, kwargs))), list(_tensors(out))
        name = func._schema.name.removeprefix("aten::")
        self._check(name, [*read, *made])
        counts = self.parts[self.part]
        if (formula := flop_registry.get(func.overloadpacket)) is not None:
            flops = formula(*args, **kwargs, out_val=out)
            self.flops_of[self.part, made[0].dtype] += flops
            counts["flops"] += flops
        known = {t.untyped_storage()._cdata for t in read}
        for tensor in made:
            self._hold(tensor, known)
            if tensor.is_floating_point():
                self.dtypes[self.part, tensor.dtype] += 1
        if not func.is_view and name not in FREE:
            self.calls[name] += 1
            counts["launches"] += 1
            counts["bytes"] += sum(t.numel() * t.element_size() for t in _moved(name, read, made))

    def _check(self, name: str, everything: list[Tensor]) -> None:
        """Record operators that a chip would reject."""
        devices = {t.device for t in everything if t.dim() or t.device.type != "cpu"}
        if len(devices) > 1 and name not in TRANSFERS:
            self.mixed[name] += 1
        if any(t.dtype == torch.float64 or t.dtype.is_complex for t in everything):
            self.wide[name] += 1

    def _hold(self, tensor: Tensor, known: set[int]) -> None:
        """Count the memory of a storage from its allocation to its release; operands were counted before."""
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if tensor.device.type != self.device or key in self._held or key in known:
            return
        self._held[key] = weakref.ref(storage, lambda _: self._release(key, size))
        self.live_bytes += size
        self.peak_bytes = max(self.peak_bytes, self.live_bytes)

    def _release(self, key: int, size: int) -> None:
        if self._held.pop(key, None) is not None:
            self.live_bytes -= size


def _moved(name: str, read: list[Tensor], made: list[Tensor]) -> list[Tensor]:
    """Return tensors with the total size of what an operator reads and writes."""
    if name in GATHERS:
        return made * 2
    return [read[-1]] * 3 if name in SCATTERS else [*read, *made]


def _tensors(tree: Any) -> Iterator[Tensor]:
    """Yield the tensors of nested arguments."""
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, dict):
        yield from _tensors(tuple(tree.values()))
    elif isinstance(tree, list | tuple):
        for branch in tree:
            yield from _tensors(branch)
