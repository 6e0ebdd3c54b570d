"""Arguments of operators: a named tuple of tensors counts as its fields, one by one, where gradients are concerned."""

from collections.abc import Sequence
from typing import Any

Kinds = tuple[Any, ...]
"""The type of each argument that is a named tuple, None of the others."""


def kinds_of(arguments: tuple[Any, ...]) -> Kinds:
    """Return what is needed to put arguments together again."""
    return tuple(type(a) if _is_group(a) else None for a in arguments)


def flattened(arguments: tuple[Any, ...]) -> list[Any]:
    """Return the arguments with named tuples taken apart."""
    return [leaf for a in arguments for leaf in (a if _is_group(a) else (a,))]


def put_together(leaves: Sequence[Any], kinds: Kinds) -> tuple[Any, ...]:
    """Undo `flattened`."""
    rest = iter(leaves)
    return tuple(next(rest) if kind is None else kind(*(next(rest) for _ in kind._fields)) for kind in kinds)


def _is_group(argument: Any) -> bool:
    return isinstance(argument, tuple) and hasattr(argument, "_fields")
