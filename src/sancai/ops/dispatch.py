"""Operator dispatch: each operator has a PyTorch reference and optional device-specific kernels.

An operator is called like the function that it wraps.  That function, in plain PyTorch, is its reference and the only
thing an operator needs.  A backend offers a kernel for one operator.  `selection` activates a kernel for one device
type and dtype if it is available, correct and faster than the reference.  A kernel that raises later is disabled for
the rest of the process with one warning, and the reference is called instead.

    @operator("rms_norm", rms_norm_samples)
    def rms_norm(x, weight, eps): ...          # the reference
    rms_norm(x, weight, 1e-6)                  # calls the reference, or the active kernel
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, TypeVar

import torch
from torch import Tensor

from sancai.errors import first_line
from sancai.ops.arguments import Kinds, flattened, kinds_of, put_together
from sancai.ops.verification import SampleFactory

P = ParamSpec("P")
R = TypeVar("R")
DispatchKey = tuple[str, torch.dtype]
"""Device type and dtype of the first tensor of a call."""


def supports_all(*_: Any) -> bool:
    """Return True: the kernel supports every call."""
    return True


@dataclass(frozen=True)
class Kernel:
    """An implementation of one operator.

    forward: takes the operator's arguments.  Without `backward` it returns the operator's outputs and autograd traces
        it.  With `backward` it returns (outputs, tensors to save for the backward pass).
    backward: takes (arguments, saved tensors, gradients of the outputs); returns one gradient or None per argument; the
        fields of a named tuple count one by one.
    supports: returns whether the kernel can run a call; otherwise the reference runs.  It may look at shapes and
        dtypes but must not read values.
    materialize_grads: whether gradients of unused outputs are passed as zeros; False passes None.
    """

    forward: Callable[..., Any]
    backward: Callable[[tuple[Any, ...], tuple[Tensor, ...], tuple[Tensor | None, ...]], tuple[Any, ...]] | None = None
    supports: Callable[..., bool] = supports_all
    materialize_grads: bool = True


@dataclass(frozen=True)
class Backend:
    """One library's kernel for one operator.

    operator: name of the operator.
    name: name of the library.
    unavailable_reason: returns why this backend cannot run on a device, or None.  Must not import the library.
    load: imports the library and returns the kernel.
    version: returns the library's version, which is part of the tuning cache's key.
    """

    operator: str
    name: str
    unavailable_reason: Callable[[torch.device], str | None]
    load: Callable[[], Kernel]
    version: Callable[[], str]


class Operator(Generic[P, R]):
    """One operator of the model: its reference, its sample inputs, and its active and disabled kernels.

    active: dispatch key → (backend name, kernel).
    disabled: backend name → the reason.
    """

    def __init__(
        self, name: str, reference: Callable[P, R], samples: SampleFactory, prefer_compiled: bool = False
    ) -> None:
        self.name, self.reference, self.samples, self.prefer_compiled = name, reference, samples, prefer_compiled
        self.__doc__ = reference.__doc__
        self.active: dict[DispatchKey, tuple[str, Kernel]] = {}
        self.disabled: dict[str, str] = {}
        self._uncompiled_call: Callable[..., Any] = self._dispatch

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if not self.active:  # keep dispatch out of compiled graphs that have no kernel
            return self.reference(*args, **kwargs)
        if not torch.compiler.is_compiling():
            return self._dispatch(*args, **kwargs)
        if self.prefer_compiled:
            return self.reference(*args, **kwargs)
        return self._uncompiled_call(*args, **kwargs)

    def enable(self, name: str, kernel: Kernel, key: DispatchKey) -> None:
        """Run the calls with this dispatch key by a kernel.  A compiled caller breaks its graph for it."""
        self._uncompiled_call = torch.compiler.disable(self._dispatch)
        self.active[key] = name, kernel

    def disable(self, name: str, error: Exception) -> None:
        """Stop using a backend for the rest of the process and warn once."""
        self.active = {key: found for key, found in self.active.items() if found[0] != name}
        if name in self.disabled:
            return
        self.disabled[name] = reason = f"raised {type(error).__name__}: {first_line(error)}"
        warnings.warn(
            f"the {name} kernel for {self.name} {reason}; this process now uses the PyTorch reference",
            RuntimeWarning,
            stacklevel=2,
        )

    def _dispatch(self, *args: Any, **kwargs: Any) -> Any:
        """Run the active kernel of this call; run the reference if there is none, or if it fails."""
        found = self.active.get(dispatch_key(args[0])) if args and not kwargs else None
        if found is not None:
            name, kernel = found
            try:
                if kernel.supports(*args):
                    return run_kernel(self, name, kernel, *args)
            except Exception as error:
                self.disable(name, error)
        return self.reference(*args, **kwargs)


def operator(
    name: str, samples: SampleFactory, *, prefer_compiled: bool = False
) -> Callable[[Callable[P, R]], Operator[P, R]]:
    """Turn a reference implementation into an operator.

    Args:
        name: the name that backends register for.
        samples: creates the inputs on which kernels are verified and timed.
        prefer_compiled: the operator is a chain of elementwise steps, which a compiler fuses better than it can run
            an opaque kernel; compiled code calls the reference.
    """

    return lambda reference: Operator(name, reference, samples, prefer_compiled)


def dispatch_key(first: Tensor | list[Tensor]) -> DispatchKey:
    """Return the device type and dtype of a call, taken from its first argument."""
    tensor = first if isinstance(first, Tensor) else first[0]
    return tensor.device.type, tensor.dtype


def run_kernel(owner: Operator[..., Any], name: str, kernel: Kernel, *args: Any) -> Any:
    """Run a kernel under autograd; `owner` is the operator that it implements."""
    if kernel.backward is None:
        return kernel.forward(*args)
    return _KernelFunction.apply(owner, name, kernel, kinds_of(args), *flattened(args))  # type: ignore[no-untyped-call]


class _KernelFunction(torch.autograd.Function):
    """A kernel with its own backward pass; if that raises, the reference is run again for its gradients."""

    @staticmethod
    def forward(ctx: Any, owner: Operator[..., Any], name: str, kernel: Kernel, kinds: Kinds, *leaves: Any) -> Any:
        out, saved = kernel.forward(*put_together(leaves, kinds))
        ctx.owner, ctx.name, ctx.kernel, ctx.kinds, ctx.saved_count = owner, name, kernel, kinds, len(saved)
        ctx.tensor_positions = [i for i, a in enumerate(leaves) if isinstance(a, Tensor)]
        ctx.others = tuple(None if isinstance(a, Tensor) else a for a in leaves)
        ctx.save_for_backward(*(leaves[i] for i in ctx.tensor_positions), *saved)
        ctx.set_materialize_grads(kernel.materialize_grads)
        outputs = out if isinstance(out, tuple) else (out,)
        ctx.mark_non_differentiable(*(o for o in outputs if o is not None and not o.is_floating_point()))
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> Any:
        saved = ctx.saved_tensors
        split = len(saved) - ctx.saved_count
        leaves = list(ctx.others)
        for position, tensor in zip(ctx.tensor_positions, saved[:split], strict=True):
            leaves[position] = tensor
        try:
            found = ctx.kernel.backward(put_together(leaves, ctx.kinds), saved[split:], gradients)
        except Exception as error:
            ctx.owner.disable(ctx.name, error)
            needed = ctx.needs_input_grad[4:]
            free = [a.detach().requires_grad_() if need else a for a, need in zip(leaves, needed, strict=True)]
            found = _reference_gradients(ctx.owner, free, ctx.kinds, gradients)
        return None, None, None, None, *found


def _reference_gradients(
    owner: Operator[..., Any], leaves: list[Any], kinds: Kinds, gradients: tuple[Tensor | None, ...]
) -> list[Tensor | None]:
    """Return the gradients of the reference, one or None per flattened argument."""
    needed = [isinstance(leaf, Tensor) and leaf.requires_grad for leaf in leaves]
    with torch.enable_grad():
        out = owner.reference(*put_together(leaves, kinds))
    outputs = out if isinstance(out, tuple) else (out,)
    given = [(o, g) for o, g in zip(outputs, gradients, strict=True) if o is not None and g is not None]
    pairs = [(o, g) for o, g in given if o.requires_grad]
    wanted = [leaf for leaf, need in zip(leaves, needed, strict=True) if need]
    found = iter(torch.autograd.grad([o for o, _ in pairs], wanted, [g for _, g in pairs], allow_unused=True))
    return [next(found) if need else None for need in needed]
