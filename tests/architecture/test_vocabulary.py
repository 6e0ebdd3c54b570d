"""docs/vocabulary.md is what `make vocabulary` writes, and speaks words that the shipped model knows."""

import json
import pathlib
import re

import pytest

from sancai.api import MODELS, SHIPPED
from scripts import vocabulary

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "vocabulary.md").read_text(encoding="utf-8")


def test_the_document_is_current() -> None:
    source = ROOT / vocabulary.default_source()
    if not source.is_dir():
        pytest.skip("neither looks of the shipped model nor a pack is here: see DATA.md")
    assert vocabulary.document(vocabulary.read_phrases(source)) == DOCUMENT, "run make vocabulary"


def test_its_words_are_known_or_named_as_new() -> None:
    listed = re.sub(r"^#.*|^\| what .*|its own|^The shipped .*: ", "", DOCUMENT.partition("## Species")[2], flags=re.M)
    words = set(re.findall(r"[a-z]+(?:-[a-z]+)*", listed))
    known = set(json.loads((MODELS / SHIPPED / "words.json").read_text(encoding="utf-8")))
    new = (
        set(re.findall(r"[a-z-]+", DOCUMENT.rpartition("words of the list: ")[2]))
        if "never seen" in DOCUMENT
        else set()
    )
    text = {"what", "colours", "the", "shipped", "model", "has", "never", "seen", "these", "words", "of", "list"}
    assert {w for w in words if w not in known and not set(w.split("-")) <= known} - text == new


def test_things_are_told_by_their_colours() -> None:
    phrases = ["red cape", "light blue cape", "tattered red cape", "tattered light blue cape", "basket"]
    assert vocabulary.by_colors(phrases) == {("red", "light blue"): ["cape", "tattered cape"], (): ["basket"]}
