"""The tour tells the truth: what its tables name exists, and a request and a batch pass it in that order."""

import ast
import dataclasses
import json
import pathlib
import re
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

import sancai
from recipes import nano
from sancai.data.characters import dataset
from sancai.data.characters.look import Looks
from sancai.train import Share, start

ROOT = pathlib.Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "sancai"
TOUR = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")
PLACE = re.compile(r"`([\w/]+\.py):([\w.]+)`")


def section(title: str) -> str:
    """Return one section of the tour."""
    return TOUR.partition(f"## {title}\n")[2].partition("\n## ")[0]


def names(path: pathlib.Path) -> set[str]:
    """Return functions, classes, methods and assigned names of a file: `Engine.generate`, `SAMPLERS`."""
    found = set()

    def walk(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.add(prefix + node.name)
            if isinstance(node, ast.ClassDef):
                walk(node.body, f"{node.name}.")
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            found.update(prefix + target.id for target in targets if isinstance(target, ast.Name))

    walk(ast.parse(path.read_text(encoding="utf-8")).body, "")
    return found


class FirstCalls:
    """Notes the functions of the package in the order of their first calls."""

    def __init__(self) -> None:
        self.places: dict[tuple[str, str], None] = {}

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(str(SRC)):
            self.places.setdefault((str(pathlib.Path(code.co_filename).relative_to(SRC)), code.co_qualname))

    def of(self, action: Callable[[], object]) -> list[tuple[str, str]]:
        """Return the places that an action passes."""
        before = sys.getprofile()
        sys.setprofile(self)
        try:
            action()
        finally:
            sys.setprofile(before)
        return list(self.places)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def batch(folder: pathlib.Path) -> list[tuple[str, str]]:
    """What a training step passes; it leaves a model that plans."""
    config = dataclasses.replace(
        nano.pretrain(), steps=1, prefetch=False, measure_limit=False,
        mixture={"image": Share(1), "plan": Share(1, tokens=64)},
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sancai.train.opening.VOCABULARY_TEXTS", 150)
        patch.setattr(dataset, "known_words", lambda library: [])
        patch.setattr(dataset, "known_colors", lambda library: [])
        patch.setattr(dataset, "vocabulary", lambda library: Looks(library).vocabulary)
        run = start(config, folder)
        return [("train/opening.py", "start"), *FirstCalls().of(run.train)]


@pytest.fixture(scope="module")
def request_(folder: pathlib.Path, batch: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """What a picture passes, in a model that always plans."""
    path = folder / "model" / "generation.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "think": False}), encoding="utf-8")
    model = sancai.load(folder / "model", device="cpu")
    return FirstCalls().of(lambda: model.image("a skeleton", steps=1).save(folder / "skeleton.png"))


@pytest.mark.parametrize("place", sorted(set(PLACE.findall(TOUR))), ids=":".join)
def test_a_place_exists(place: tuple[str, str]) -> None:
    file, name = place
    assert name in names(SRC / file)


def test_a_request_passes_these_places_in_this_order(request_: list[tuple[str, str]]) -> None:
    assert_in_order(PLACE.findall(section("The life of a request")), request_)


def test_a_batch_passes_these_places_in_this_order(batch: list[tuple[str, str]]) -> None:
    assert_in_order(PLACE.findall(section("The life of a batch")), batch)


def assert_in_order(rows: list[tuple[str, str]], passed: list[tuple[str, str]]) -> None:
    assert len(rows) > 10
    assert [row for row in rows if row not in passed] == [], "these are never called"
    assert rows == sorted(rows, key=passed.index), "the table is in another order than the calls"
