"""Operators: those that each vendor's PyTorch has, by its published table, and those that our code reaches.

Tables are facts with their source and licence.  The lists of what training and generation reach are written by the
stand-in of `tests/chips` (`make golden`), by kind of work and number format, name → count.
"""

import json
import pathlib
from dataclasses import dataclass
from functools import lru_cache

FOLDER = pathlib.Path(__file__).parent
TABLES, REACHED = FOLDER / "tables", FOLDER / "reached"
BASIC_OPERATORS = frozenset(
    {
        # memory and copies: no table of a vendor is complete here, and no device works without them
        "empty.memory_format", "empty_strided", "empty_like", "new_empty", "new_empty_strided", "_to_copy", "copy_",
        "clone",
        # views: nothing is computed
        "view", "_unsafe_view", "_reshape_alias", "as_strided", "alias", "detach", "expand", "permute", "transpose.int",
        "t", "select.int", "slice.Tensor", "split.Tensor", "split_with_sizes", "squeeze", "squeeze.dim",
        "squeeze.dims", "unsqueeze", "unbind.int", "unfold", "diagonal", "view.dtype", "lift_fresh",
        # convolution: the name under which PyTorch asks a device outside its tree
        "convolution_overrideable", "convolution_backward_overrideable",
    }
)  # fmt: skip
"""Operators that the slot needs whatever a table says."""


@dataclass(frozen=True)
class Audit:
    """What a chip's table says of our code.

    listed: the chip whose list this is.  reached: kinds of work → number of operators and of calls.  missing: operators
    that the table lacks.
    """

    about: dict[str, str | int]
    listed: str
    reached: dict[str, tuple[int, int]]
    missing: tuple[str, ...]


@lru_cache
def operators(table: str) -> frozenset[str]:
    """Return the names (`add.Tensor`, `abs`) of a table."""
    return frozenset(" ".join(json.loads((TABLES / f"{table}.json").read_text("utf-8"))["operators"]).split())


def about(table: str) -> dict[str, str | int]:
    """Return where a table comes from."""
    return dict(json.loads((TABLES / f"{table}.json").read_text("utf-8"))["about"])


def reached(chip: str) -> dict[str, dict[str, int]]:
    """Return what our code reaches on a chip that has a list of its own."""
    found = json.loads((REACHED / f"{chip}.json").read_text("utf-8"))
    return {work: names for work, names in found.items() if work.startswith(("training", "generation"))}


def audit(chip: str, table: str) -> Audit:
    """Compare what our code reaches with a chip's table.

    PyTorch takes operators apart that a device lacks, so lists differ from chip to chip.  A chip without a list of its
    own can run ours if it has all operators of any list: the one of which it lacks fewest is told.
    """
    lists = [chip] if (REACHED / f"{chip}.json").is_file() else sorted(p.stem for p in REACHED.glob("*.json"))
    return min((_compare(key, table) for key in lists), key=lambda found: len(found.missing))


def _compare(listed: str, table: str) -> Audit:
    found, has = reached(listed), operators(table)
    missing = {name for names in found.values() for name in names} - has - BASIC_OPERATORS
    counts = {work: (len(names), sum(names.values())) for work, names in found.items()}
    return Audit(about(table), listed, counts, tuple(sorted(missing)))
