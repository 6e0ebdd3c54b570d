"""What a run really asks of a device, counted operator by operator: FLOPs, bytes, launches, memory.

`Trace` watches every operator below autograd.  On the device `meta`, which computes shapes only, a model
of any size runs in a small memory; on a real device the same counts are those of the real run.

    with torch.device("meta"):
        model = Transformer(config)
    with Trace() as trace:
        model(packed)
    trace.flops, trace.bytes_moved, trace.launches, trace.peak_bytes
"""

import weakref
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from math import prod
from types import TracebackType
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

Shape = tuple[int, ...]
FREE = (
    "detach", "view", "_unsafe_view", "lift_fresh", "alias", "empty", "empty_strided", "empty_like", "new_empty",
    "prim::device",
)  # fmt: skip
"""Operators that move nothing, and the question where a tensor is."""
GATHERS = ("index", "index_select", "gather", "embedding")
"""Operators that read as much as they write, however large the tensor they pick from."""
SCATTERS = ("index_put_", "_index_put_impl_")
"""Operators that read what they add, and read and write as much of the tensor they add it to (their last operand)."""
CROSSING = ("_to_copy", "copy_")
"""Operators that may take tensors of two devices."""


class Trace(TorchDispatchMode):
    """Counts of everything that runs inside.

    parts: FLOPs, bytes and launches by part; whoever runs the model sets `part`.
    flops_of: FLOPs by part and number format.  dtypes: floating results by part and number format.
    calls: launches by operator.
    mixed: operators whose tensors stood on several devices.  wide: operators that met float64 or complex.
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
        """Floating point operations of matrix products; a multiplication and its addition are two."""
        return sum(self.flops_of.values())

    @property
    def bytes_moved(self) -> int:
        """What all operators read and wrote."""
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
        read, made = list(_tensors((args, kwargs))), list(_tensors(out))
        if any(t.device.type == self.device for t in (*read, *made)):
            self._count(func, args, read, made)
        return out

    def _count(self, func: Any, args: Any, read: list[Tensor], made: list[Tensor]) -> None:
        name = func._schema.name.removeprefix("aten::")
        self._judge(name, [*read, *made])
        counts = self.parts[self.part]
        if name in FLOPS:
            flops = FLOPS[name](args, made[0])
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

    def _judge(self, name: str, everything: list[Tensor]) -> None:
        """Note operators that a chip would refuse."""
        places = {t.device for t in everything if t.dim() or t.device.type != "cpu"}
        if len(places) > 1 and name not in CROSSING:
            self.mixed[name] += 1
        if any(t.dtype == torch.float64 or t.dtype.is_complex for t in everything):
            self.wide[name] += 1

    def _hold(self, tensor: Tensor, known: set[int]) -> None:
        """Count memory from a storage's birth, unless it is an operand's, to its death."""
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
    """Return tensors as large as what an operator reads and writes."""
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


def _product(args: Any, made: Tensor) -> int:
    """Return the FLOPs of (…, M, K) × (…, K, N): the first matrix is the last but one tensor of the arguments."""
    matrices = [a for a in args if isinstance(a, Tensor)]
    return 2 * made.numel() * matrices[-2].shape[-1]


def _convolution(args: Any, made: Tensor) -> int:
    """Return the FLOPs of a convolution with weight (O, I, …)."""
    return 2 * made.numel() * prod(args[1].shape[1:])


def _convolution_back(args: Any, made: Tensor) -> int:
    """Return the FLOPs of both gradients of a convolution."""
    gradient, weight = args[0], args[2]
    return 4 * gradient.numel() * prod(weight.shape[1:])


def _attention(args: Any, made: Tensor) -> int:
    """Return the FLOPs of queries (B, H, T, K) over keys (B, H, S, K) with values (B, H, S, V)."""
    query, key, value = args[:3]
    return 2 * prod(query.shape[:-1]) * key.shape[-2] * (query.shape[-1] + value.shape[-1])


FLOPS: dict[str, Callable[[Any, Tensor], int]] = {
    "mm": _product, "bmm": _product, "addmm": _product, "baddbmm": _product,
    "convolution": _convolution, "convolution_backward": _convolution_back,
    "_scaled_dot_product_flash_attention_for_cpu": _attention,
}  # fmt: skip
