"""Public tensor functions of the network name their shapes, in the letters of one legend."""

import ast
import pathlib
import re

import pytest

import sancai.model

SRC = pathlib.Path(__file__).resolve().parents[2] / "src" / "sancai"
OPERATORS = ("attention", "compress", "norm", "rope", "route", "sinkhorn", "streams", "swiglu", "topk")
FILES = sorted(
    [*(SRC / "model").glob("*.py"), *(SRC / "sequence").glob("*.py"), *(SRC / "ops" / f"{n}.py" for n in OPERATORS)]
)
SHAPE = re.compile(r"\((?=[^()]*,)(?:\.\.\.|[A-Za-z0-9·/+ -]|\([^()]*\)|,)+\)")
NAMED = re.compile(SHAPE.pattern + "|any shape")
LETTER = re.compile(r"(?<![A-Za-z])([A-Z])(?![A-Za-z])")
LEGEND = set(LETTER.findall((sancai.model.__doc__ or "").split("Letters")[1].split("(B, T, ...)")[0]))


def tensor_functions(path):
    """Yield public functions with a tensor in their signature, and the docstrings that may name its shape."""

    def walk(node, docs):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
                yield from walk(child, [ast.get_docstring(child) or ""])
            elif isinstance(child, ast.FunctionDef) and not child.name.startswith("_"):
                args = [*child.args.posonlyargs, *child.args.args, *child.args.kwonlyargs]
                hints = [ast.unparse(h) for h in [child.returns, *(a.annotation for a in args)] if h is not None]
                if any(re.search(r"\bTensor\b", h.replace("dict[str, Tensor]", "")) for h in hints):
                    yield child, [*docs, ast.get_docstring(child) or ""]

    yield from walk(ast.parse(path.read_text(encoding="utf-8")), [])


def test_the_legend_is_read():
    assert {"B", "T", "D", "N", "H", "K", "S", "M", "E"} <= LEGEND


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SRC)))
def test_shapes_are_named(path):
    silent = [f"{f.name} (line {f.lineno})" for f, docs in tensor_functions(path) if not NAMED.search(" ".join(docs))]
    assert silent == [], f"{path.relative_to(SRC)}: name the shapes in the docstring of {', '.join(silent)}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SRC)))
def test_shapes_use_letters_of_the_legend(path):
    used = {
        letter
        for function, docs in tensor_functions(path)
        for shape in SHAPE.findall(" ".join(docs))
        for letter in LETTER.findall(shape)
    }
    assert used <= LEGEND, f"{path.relative_to(SRC)}: {sorted(used - LEGEND)} are not in the legend of sancai.model"
