"""Operator tables: the PyTorch operators that each vendor's table lists, and those that our code uses.

Tables are facts with their source and licence.  The lists of operators that training and generation use are written by
the fake device of `tests/chips` (`make snapshots`), by workload and dtype.
"""

import json
import pathlib
from dataclasses import dataclass
from functools import lru_cache

FOLDER = pathlib.Path(__file__).parent
TABLES, USED = FOLDER / "tables", FOLDER / "used"
BASIC_OPERATORS = frozenset(
    {
        # memory and copies: vendors' tables are incomplete here, and no device works without them
        "empty.memory_format", "empty_strided", "empty_like", "new_empty", "new_empty_strided", "_to_copy", "copy_",
        "clone",
        # views
        "view", "_unsafe_view", "_reshape_alias", "as_strided", "alias", "detach", "expand", "permute", "transpose.int",
        "t", "select.int", "slice.Tensor", "split.Tensor", "split_with_sizes", "squeeze", "squeeze.dim",
        "squeeze.dims", "unsqueeze", "unbind.int", "unfold", "diagonal", "view.dtype", "lift_fresh",
        # the names of convolutions for out-of-tree devices
        "convolution_overrideable", "convolution_backward_overrideable",
    }
)  # fmt: skip
"""Operators that every out-of-tree (PrivateUse1) backend must provide, whether its vendor's table lists them or not."""


@dataclass(frozen=True)
class Audit:
    """The operators that our code uses, compared with a chip's table.

    about: source of the table.
    measured_on: the chip whose list of used operators this is.
    used: workload → number of operators.
    missing: used operators that the table lacks.
    """

    about: dict[str, str | int]
    measured_on: str
    used: dict[str, int]
    missing: tuple[str, ...]


@lru_cache
def table_operators(table: str) -> frozenset[str]:
    """Return the names of the operators in a table, such as `add.Tensor` and `abs`."""
    return frozenset(" ".join(json.loads((TABLES / f"{table}.json").read_text("utf-8"))["operators"]).split())


def table_source(table: str) -> dict[str, str | int]:
    """Return the source, date and licence of a table."""
    return dict(json.loads((TABLES / f"{table}.json").read_text("utf-8"))["about"])


def used_operators(chip: str) -> dict[str, frozenset[str]]:
    """Return the operators that our code uses on a chip with a list of its own, by workload."""
    found = json.loads((USED / f"{chip}.json").read_text("utf-8"))
    return {workload: frozenset(names.split()) for workload, names in found["workloads"].items()}


def audit(chip: str, table: str) -> Audit:
    """Compare the operators that our code uses with a chip's table.

    PyTorch decomposes operators that a device lacks, so the lists differ between chips.  A chip without a list of its
    own can run our code if its table has all operators of any list; the list with the fewest missing is used.
    """
    lists = [chip] if (USED / f"{chip}.json").is_file() else sorted(p.stem for p in USED.glob("*.json"))
    return min((_compare(key, table) for key in lists), key=lambda found: len(found.missing))


def _compare(measured_on: str, table: str) -> Audit:
    used = used_operators(measured_on)
    missing = frozenset().union(*used.values()) - table_operators(table) - BASIC_OPERATORS
    counts = {workload: len(names) for workload, names in used.items()}
    return Audit(table_source(table), measured_on, counts, tuple(sorted(missing)))
