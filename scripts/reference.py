"""Write the API reference, one page a module, from docstrings by pdoc.

python scripts/reference.py site
"""

import importlib
import pathlib
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pdoc
from pdoc import doc, render

import sancai

MODULES = (
    "sancai", "sancai.api", "sancai.engine", "sancai.flow", "sancai.data", "sancai.data.characters.dataset",
    "sancai.data.text", "sancai.train", "sancai.model", "sancai.codec", "sancai.media", "sancai.sequence",
    "sancai.tokenizer", "sancai.checkpoint", "sancai.evals", "sancai.estimate", "sancai.device",
    "sancai.device.platform", "sancai.ops.dispatch", "sancai.ops.verification", "sancai.ops.selection",
    "sancai.telemetry", "sancai.errors",
)  # fmt: skip
"""What the reference covers: what other programs and new parts of this one build on."""


for _name in sancai.__all__:  # loaded on first use, which pdoc does not do
    setattr(sancai, _name, getattr(sancai, _name))


def write(folder: pathlib.Path) -> None:
    """Write the reference into a folder; whatever pdoc warns of is an error."""
    render.configure(docformat="google", footer_text=f"Sancai {sancai.__version__}")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        pdoc.pdoc(*MODULES, output_directory=folder)


def undocumented() -> list[str]:
    """Return the public classes, functions and methods of the reference that have no docstring."""
    return sorted({member.fullname for member in members() if not member.docstring.strip()})


def members() -> Iterator[doc.Doc[Any]]:
    """Yield the public classes, functions and methods of the reference that are Sancai's own."""
    for name in MODULES:
        for member in doc.Module(importlib.import_module(name)).members.values():
            yield from _own(member)


def _own(member: doc.Doc[Any]) -> Iterator[doc.Doc[Any]]:
    """Yield a class and its methods, or a function; what is private, inherited or another package's is left out."""
    is_private = any(part.startswith("_") for part in member.qualname.split("."))
    if is_private or not member.taken_from[0].startswith("sancai"):
        return
    if isinstance(member, doc.Class | doc.Function):
        yield member
    if isinstance(member, doc.Class):
        for inner in member.own_members:
            yield from _own(inner)


if __name__ == "__main__":
    write(pathlib.Path(sys.argv[1]))
    sys.stdout.write(f"{sys.argv[1]}/index.html\n")
