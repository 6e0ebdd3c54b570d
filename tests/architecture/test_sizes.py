"""Files and functions stay small, and say what they are for."""

import ast
import pathlib
import statistics

import pytest

from scripts.size import FILE_STOP, FUNCTION_MEDIAN, FUNCTION_STOP, file_sizes, function_sizes, python_files

SRC = pathlib.Path(__file__).resolve().parents[2] / "src"
FILES = python_files(SRC)
PLAIN = {"forward"}
"""Methods whose meaning the class states."""


def test_no_file_is_longer_than_the_stop():
    assert [s for s in file_sizes(SRC) if s.lines > FILE_STOP] == []


def test_no_function_is_longer_than_the_stop():
    assert [s for s in function_sizes(SRC) if s.lines > FUNCTION_STOP] == []


def test_most_functions_are_short():
    median = statistics.median(s.lines for s in function_sizes(SRC))
    assert median <= FUNCTION_MEDIAN, f"the median function has {median} lines, at most {FUNCTION_MEDIAN} are wanted"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SRC)))
def test_module_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), f"{path} has no module docstring"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SRC)))
def test_public_names_say_what_they_do(path):
    silent = list(_silent(ast.parse(path.read_text(encoding="utf-8"))))
    assert not silent, f"{path} has public functions or classes without a docstring: {', '.join(silent)}"


def _silent(node, prefix=""):
    """Yield the public classes, functions and methods without a docstring; properties may be silent."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or child.name.startswith("_"):
            continue
        if not ast.get_docstring(child) and not _is_plain(child):
            yield prefix + child.name
        if isinstance(child, ast.ClassDef):
            yield from _silent(child, f"{prefix}{child.name}.")


def _is_plain(node):
    """Return whether name and type already say it all."""
    if isinstance(node, ast.ClassDef):
        return False
    decorators = {d.id for d in node.decorator_list if isinstance(d, ast.Name)}
    return node.name in PLAIN or bool(decorators & {"property", "overload"})
