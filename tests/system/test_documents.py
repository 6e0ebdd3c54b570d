"""The how-to's and examples do what they say: every block is run, in a folder of its own."""

import pathlib
import sys
from collections.abc import Iterator

import pytest

from sancai.data.characters import dataset
from sancai.data.characters.look import Looks
from sancai.device import registry
from sancai.flow import SAMPLERS
from sancai.ops.selection import OPERATORS, SELECTIONS
from snippets import ROOT, run_all

HOW_TO = ROOT / "docs" / "how-to"
DOCUMENTS = sorted(HOW_TO.glob("*.md"))

pytestmark = pytest.mark.usefixtures("few_texts")


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pathlib.Path]:
    """Sit in an empty folder; leave no module, sampler, kernel or chip of a document behind."""
    modules, samplers, selected = set(sys.modules), dict(SAMPLERS), dict(SELECTIONS)
    active = {operator: dict(operator.active) for operator in OPERATORS}
    registry.chips.cache_clear()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(dataset, "known_colors", lambda library: ["c83232"])  # reads hundreds of clips
    monkeypatch.setattr(dataset, "vocabulary", lambda library: Looks(library).vocabulary)  # the same
    monkeypatch.setenv("SANCAI_DEVICE", "cpu")
    yield tmp_path
    for name in set(sys.modules) - modules:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]
    SAMPLERS.clear()
    SAMPLERS.update(samplers)
    SELECTIONS.clear()
    SELECTIONS.update(selected)
    for operator, kernels in active.items():
        operator.active = kernels
    registry.chips.cache_clear()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_a_how_to_runs(document: pathlib.Path, folder: pathlib.Path) -> None:
    run_all(document, folder)
