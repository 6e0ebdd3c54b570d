"""The glossary's terms exist where it says, and its retired words name nothing."""

import ast
import functools
import importlib
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "sancai"
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
TABLES, _, REST = GLOSSARY.partition("## Letters of tensor shapes")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")] for line in TABLES.splitlines() if line.startswith("| ")
]
TERMS = {row[0]: re.findall(r"`([^`]+)`", row[2]) for row in ROWS if row[0] not in ("term", "---")}
RETIRED = set(re.findall(r"`(\w+)`", REST.partition("## Retired words")[2].partition("\n")[2].partition(":")[2]))


def exists(place: str) -> bool:
    """Return whether a file of the project, or a module or name below `sancai`, exists."""
    if (ROOT / place).exists():
        return True
    module, _, name = f"sancai.{place}".rpartition(".")
    try:
        importlib.import_module(f"sancai.{place}")
    except ModuleNotFoundError:
        return hasattr(importlib.import_module(module), name)
    return True


def names_of(tree: ast.Module) -> set[str]:
    """Return all names that a module defines or uses."""
    found = set()
    for node in ast.walk(tree):
        for field in ("id", "attr", "name", "arg", "asname"):
            value = getattr(node, field, None)
            found |= {value} if isinstance(value, str) else set()
    return found


@functools.cache
def retired_uses() -> list[str]:
    """Return `file: name` of every name in `src` with a retired word."""
    uses = []
    for path in sorted(SRC.rglob("*.py")):
        names = names_of(ast.parse(path.read_text(encoding="utf-8"))) | {path.stem}
        uses += [
            f"{path.relative_to(SRC)}: {n}" for n in sorted(names) if RETIRED & set(n.strip("_").lower().split("_"))
        ]
    return uses


def test_the_glossary_is_read():
    assert len(TERMS) >= 40 and all(TERMS.values()) and "rehearsal" in RETIRED


def test_terms_are_defined_once():
    assert len(TERMS) == len([row for row in ROWS if row[0] not in ("term", "---")])


@pytest.mark.parametrize("term", TERMS)
def test_a_term_exists_where_the_glossary_says(term):
    assert [place for place in TERMS[term] if not exists(place)] == []


def test_retired_words_name_nothing():
    assert retired_uses() == []
