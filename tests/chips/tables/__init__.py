"""Published tables of the operators that each maker's PyTorch has, as facts with their source and licence."""

import json
import pathlib
from functools import lru_cache

FOLDER = pathlib.Path(__file__).parent


@lru_cache
def operators(table: str) -> frozenset[str]:
    """Return the names (`add.Tensor`, `abs`) of a table."""
    return frozenset(" ".join(json.loads((FOLDER / f"{table}.json").read_text("utf-8"))["operators"]).split())


def about(table: str) -> dict[str, str | int]:
    """Return where a table comes from."""
    return json.loads((FOLDER / f"{table}.json").read_text("utf-8"))["about"]
