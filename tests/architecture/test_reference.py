"""The API reference: it builds, everything in it has a docstring, and names in docstrings exist."""

import importlib
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`(sancai(?:\.\w+)+)`")
NO_NAMES = {"sancai.chips"}
"""Groups of entry points."""

reference = pytest.importorskip(
    "scripts.reference", reason="needs pdoc, which `make test` installs", exc_type=ImportError
)


def exists(name: str) -> bool:
    """Return whether a module, or a name in one, exists."""
    module, _, last = name.rpartition(".")
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return hasattr(importlib.import_module(module), last)
    return True


@pytest.mark.slow
def test_the_reference_builds_without_a_warning(tmp_path: pathlib.Path) -> None:
    reference.write(tmp_path)
    pages = {str(page.relative_to(tmp_path).with_suffix("")).replace("/", ".") for page in tmp_path.rglob("*.html")}
    assert set(reference.MODULES) <= pages
    assert "Draw one picture." in (tmp_path / "sancai" / "api.html").read_text(encoding="utf-8")


def test_everything_in_the_reference_has_a_docstring() -> None:
    assert "sancai.engine.Engine.draw" in {member.fullname for member in reference.members()}
    assert reference.undocumented() == []


def test_names_in_docstrings_and_documents_exist() -> None:
    files = [
        *(ROOT / "src").rglob("*.py"),
        *(ROOT / "docs").rglob("*.md"),
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
    ]
    named = {name for path in files for name in NAMED.findall(path.read_text(encoding="utf-8"))}
    assert named > NO_NAMES
    assert sorted(name for name in named - NO_NAMES if not exists(name)) == []
