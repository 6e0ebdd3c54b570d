"""Roles: steps of the model that a chip may have a faster kernel for, and who may play them.

A role is called like the function it is made from.  That function, in plain PyTorch, is its reference and the only
thing a role needs.  A provider offers a kernel for one role; it plays only where `selection` found it present, right
and faster, for one device type and dtype.  A provider that raises while it plays is dropped for the rest of the
process with one warning, and the reference answers.

    @role("rms_norm", rms_norm_cases)
    def rms_norm(x, weight, eps): ...          # the reference
    rms_norm(x, weight, 1e-6)                  # the reference, or the chosen kernel
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, TypeVar

import torch
from torch import Tensor

from sancai.errors import first_line
from sancai.ops.verification import SampleFactory

P = ParamSpec("P")
R = TypeVar("R")
DispatchKey = tuple[str, torch.dtype]
"""Device type and dtype of the first tensor of a call."""


def supports_all(*_: Any) -> bool:
    """Say that a kernel takes every call."""
    return True


@dataclass(frozen=True)
class Kernel:
    """What a provider runs.

    forward: takes the arguments of the role.  Without `backward` it returns what the role returns, and autograd sees
        through it.  With `backward` it returns (what the role returns, tensors to keep).
    backward: takes (arguments, kept tensors, gradients of the outputs), returns one gradient or None an argument.
    covers: says whether it takes a call; the reference answers the others.  Looks at shapes, reads no tensor.
    """

    forward: Callable[..., Any]
    backward: Callable[[tuple[Any, ...], tuple[Tensor, ...], tuple[Tensor | None, ...]], tuple[Any, ...]] | None = None
    supports: Callable[..., bool] = supports_all


@dataclass(frozen=True)
class Backend:
    """One library's kernel for one role.

    missing: says why it cannot play on a device, None if it can; imports nothing heavy.
    load: imports the library and returns the kernel.
    version: names the library's version, for the cache of choices.
    """

    operator: str
    name: str
    unavailable_reason: Callable[[torch.device], str | None]
    load: Callable[[], Kernel]
    version: Callable[[], str]


class Operator(Generic[P, R]):
    """One step of the model: its reference, small problems to try kernels on, and the kernels in use."""

    def __init__(
        self, name: str, reference: Callable[P, R], samples: SampleFactory, prefer_compiled: bool = False
    ) -> None:
        self.name, self.reference, self.samples, self.prefer_compiled = name, reference, samples, prefer_compiled
        self.__doc__ = reference.__doc__
        self.active: dict[DispatchKey, tuple[str, Kernel]] = {}
        self.disabled: dict[str, str] = {}
        self._outside: Callable[..., Any] = self._play

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if not self.active:  # nothing but the reference, and nothing more for a compiler to see
            return self.reference(*args, **kwargs)
        if not torch.compiler.is_compiling():
            return self._play(*args, **kwargs)
        if self.prefer_compiled:
            return self.reference(*args, **kwargs)
        return self._outside(*args, **kwargs)

    def enable(self, name: str, kernel: Kernel, place: DispatchKey) -> None:
        """Let a kernel answer the calls at one place.  A compiled caller runs it outside its graph."""
        self._outside = torch.compiler.disable(self._play)
        self.active[place] = name, kernel

    def disable(self, name: str, error: Exception) -> None:
        """Take a provider out for the rest of the process and say so once."""
        self.active = {place: found for place, found in self.active.items() if found[0] != name}
        if name in self.disabled:
            return
        self.disabled[name] = reason = f"raised {type(error).__name__}: {first_line(error)}"
        warnings.warn(
            f"the {name} kernel for {self.name} {reason}; the PyTorch reference takes over in this process",
            RuntimeWarning,
            stacklevel=2,
        )

    def _play(self, *args: Any, **kwargs: Any) -> Any:
        """Answer with the kernel of this place; with the reference where there is none or it fails."""
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
    """Make a role of its reference.

    cases: makes the problems that providers are tried on.
    is_fusible: a chain of small steps, which a compiler joins better than any kernel that it cannot see into;
        compiled code calls the reference.
    """

    return lambda reference: Operator(name, reference, samples, prefer_compiled)


def dispatch_key(first: Tensor | list[Tensor]) -> DispatchKey:
    """Return the device type and dtype of a call, told by its first argument."""
    tensor = first if isinstance(first, Tensor) else first[0]
    return tensor.device.type, tensor.dtype


def run_kernel(owner: Operator[..., Any], name: str, kernel: Kernel, *args: Any) -> Any:
    """Run a kernel under autograd."""
    if kernel.backward is None:
        return kernel.forward(*args)
    return _WithBackward.apply(owner, name, kernel, *args)  # type: ignore[no-untyped-call]


class _WithBackward(torch.autograd.Function):
    """A kernel that brings its own backward; where that raises, the reference is run again for its gradient."""

    @staticmethod
    def forward(ctx: Any, owner: Operator[..., Any], name: str, kernel: Kernel, *args: Any) -> Any:
        out, kept = kernel.forward(*args)
        ctx.owner, ctx.name, ctx.kernel, ctx.kept_count = owner, name, kernel, len(kept)
        ctx.places = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        ctx.others = tuple(None if isinstance(a, Tensor) else a for a in args)
        ctx.save_for_backward(*(args[i] for i in ctx.places), *kept)
        outputs = out if isinstance(out, tuple) else (out,)
        ctx.mark_non_differentiable(*(o for o in outputs if not o.is_floating_point()))
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> Any:
        saved = ctx.saved_tensors
        split = len(saved) - ctx.kept_count
        args = list(ctx.others)
        for place, tensor in zip(ctx.places, saved[:split], strict=True):
            args[place] = tensor
        try:
            found = ctx.kernel.backward(tuple(args), saved[split:], gradients)
        except Exception as error:
            ctx.owner.disable(ctx.name, error)
            found = _reference_gradients(ctx.owner, args, ctx.needs_input_grad[3:], gradients)
        return None, None, None, *found


def _reference_gradients(
    owner: Operator[..., Any], args: list[Any], needed: tuple[bool, ...], gradients: tuple[Tensor | None, ...]
) -> list[Tensor | None]:
    """Return the gradients that the reference gives."""
    with torch.enable_grad():
        leaves = [a.detach().requires_grad_() if need else a for a, need in zip(args, needed, strict=True)]
        out = owner.reference(*leaves)
    outputs = out if isinstance(out, tuple) else (out,)
    pairs = [(o, g) for o, g in zip(outputs, gradients, strict=True) if g is not None and o.requires_grad]
    wanted = [leaf for leaf, need in zip(leaves, needed, strict=True) if need]
    found = iter(torch.autograd.grad([o for o, _ in pairs], wanted, [g for _, g in pairs], allow_unused=True))
    return [next(found) if need else None for need in needed]
