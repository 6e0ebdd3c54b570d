"""The base class of all modules: each says how its own parameters are learned, stored, started and compiled.

A new module declares these four facts where its parameters are made, and nowhere else:

    class Experts(Module):
        muon = ("w1", "w2", "w3")            # the other parameters are AdamW's
        fp32 = ()                            # tensors that files keep in fp32
        compiled = ("activate",)             # methods of many small operations, worth a compiler's time

        def reset_parameters(self, std, seed):
            nn.init.zeros_(self.w2)          # where it differs from the default normal distribution
"""

from collections.abc import Iterator

from torch import Tensor, nn


class Module(nn.Module):
    """A module of the network.  The names are those of its own parameters and buffers, not of its children's."""

    muon: tuple[str, ...] = ()
    """Matrices that Muon updates; AdamW updates all other parameters."""
    fp32: tuple[str, ...] = ()
    """Small tensors that a file keeps in fp32 whatever it stores the others in, as DeepSeek's own files do."""
    compiled: tuple[str, ...] = ()
    """Methods of many small operations, which a compiler joins."""

    def initial_std(self, name: str, parameter: Tensor) -> float | None:
        """Return the standard deviation of initial values of any shape, None to leave them as constructed."""
        return default_std(parameter)

    def reset_parameters(self, std: float, seed: int) -> None:
        """Set the initial values that differ from the default, after all parameters have been drawn.

        Args:
            std: the architecture's `initializer_range`.
            seed: differs from module to module; for values that have a generator of their own.
        """


def default_std(parameter: Tensor) -> float | None:
    """Return 1 / sqrt(last dimension) for a matrix (..., out, in) or a stack of them, None for vectors."""
    return parameter.shape[-1] ** -0.5 if parameter.dim() >= 2 else None


def muon_parameters(model: nn.Module) -> set[str]:
    """Return the names of the parameters that Muon updates."""
    return set(_declared(model, "muon"))


def fp32_tensors(model: nn.Module) -> set[str]:
    """Return the names of the parameters and buffers that files keep in fp32."""
    return set(_declared(model, "fp32"))


def _declared(model: nn.Module, fact: str) -> Iterator[str]:
    """Yield the full names of all tensors for which their module declares a fact."""
    for path, module in model.named_modules():
        for name in getattr(module, fact, ()):
            if getattr(module, name, None) is not None:
                yield f"{path}.{name}" if path else name
