"""The how-to's and examples do what they say: every block is run, in a folder of its own."""

import dataclasses
import json
import pathlib
import re
import runpy
import sys
from collections.abc import Iterator

import pytest

from recipes import nano
from sancai import api
from sancai.checkpoint import GenerationConfig, load_generation
from sancai.data.characters import dataset
from sancai.data.characters.look import Looks
from sancai.device import registry
from sancai.flow import SAMPLERS
from sancai.media import read_picture
from sancai.ops.selection import OPERATORS, SELECTIONS
from sancai.train import Share, start
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


@pytest.mark.usefixtures("few_steps")
def test_the_readme_runs(folder: pathlib.Path) -> None:
    run_all(ROOT / "README.md", folder)
    assert {"knight.png", "walk.gif", "walk.png", "walk.json"} <= {path.name for path in folder.iterdir()}


def example(name: str, *arguments: str) -> None:
    """Run an example as `python examples/NAME.py ARGUMENTS` would."""
    path = ROOT / "examples" / f"{name}.py"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [str(path), *arguments])
        runpy.run_path(str(path), run_name="__main__")


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Denoise in one step where a model names no number of its own."""
    monkeypatch.setattr(api, "load_generation", lambda folder: with_steps(load_generation(folder), 1))


def with_steps(generation: GenerationConfig, steps: int) -> GenerationConfig:
    return dataclasses.replace(generation, sampling=generation.sampling.replace(steps=steps))


@pytest.mark.usefixtures("few_steps")
def test_characters_are_drawn_and_animated(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    example("draw")
    assert read_picture(folder / "character-2.png", 256).shape == (256, 256, 4)
    example("animate", "a skeleton, facing right", "walking", "slashing")
    sheet = json.loads((folder / "character-sheet.json").read_text())
    assert [tag["name"] for tag in sheet["meta"]["frameTags"]] == ["walking", "slashing"]
    assert "slashing_7 at (448, 64) for 125 ms" in capsys.readouterr().out


@pytest.mark.usefixtures("few_steps")
def test_a_look_is_edited(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = dataclasses.replace(nano.pretrain(), steps=1, mixture={"image": Share(1)}, measure_limit=False)
    start(recipe, folder / "run").train()
    example("look", "run/model")
    assert (folder / "after.png").read_bytes() != (folder / "before.png").read_bytes()
    assert "drawn from: orc man; green skin; blue trousers; walking; facing left" in capsys.readouterr().out
    with pytest.raises(SystemExit, match=r"has no looks\.json"):
        example("look", "tiny")


@pytest.mark.usefixtures("few_steps")
def test_a_question_is_answered_with_thinking(capsys: pytest.CaptureFixture[str]) -> None:
    example("chat", "what is 27 + 82?")
    said = capsys.readouterr().out
    assert "thinking:" in said and "109" in said and "tokens in" in said


def test_text_is_learned(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "texts").mkdir()
    (folder / "texts" / "counting.txt").write_text("one two three four five six seven\n" * 200)
    example("train_text", "texts", "3")
    assert capsys.readouterr().out.count("step ") == 3
    assert (folder / "runs" / "own-text" / "model" / "model.safetensors").is_file()


def test_official_files_come_back(capsys: pytest.CaptureFixture[str]) -> None:
    example("official")
    errors = {
        line.split(":")[0]: float(line.rpartition(" ")[2]) for line in capsys.readouterr().out.strip().splitlines()
    }
    assert list(errors) == ["bf16", "fp8", "fp4"]
    assert 0 < errors["bf16"] < errors["fp8"] < errors["fp4"] < 1


def test_every_example_is_run() -> None:
    run = set(re.findall(r'^ +example\("(\w+)"', pathlib.Path(__file__).read_text(encoding="utf-8"), re.MULTILINE))
    assert run == {path.stem for path in (ROOT / "examples").glob("*.py")}
