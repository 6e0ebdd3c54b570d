"""Whole characters: one look in every clip, files that agree with each other, runs that go on where they stopped."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest

from recipes import nano
from sancai import Sancai, load, media
from sancai.cli import main
from sancai.engine import Engine
from sancai.errors import MediaError, RequestError
from sancai.train import opening, start


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The folder of a model that plans, after one step."""
    recipe = nano.pretrain()
    mixture = {task: dataclasses.replace(recipe.mixture[task], rows=1) for task in ("image", "plan")}
    config = dataclasses.replace(recipe, steps=1, sample_every=0, mixture=mixture)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "VOCABULARY_TEXTS", 150)
        run = start(config, tmp_path_factory.mktemp("run"))
        run.train()
    return run.folder / "model"


@pytest.fixture(scope="module")
def model(folder: pathlib.Path) -> Sancai:
    return load(folder, device="cpu")


@pytest.fixture
def look(model: Sancai) -> str:
    """A look of the model's own vocabulary."""
    phrases = {s.name: next(iter(s.phrases)) for s in model.engine.looks.slots if s.name in model.engine.looks.needed}
    return "; ".join(phrases.values())


def test_every_clip_has_the_look_in_its_own_action_and_direction(
    model: Sancai, look: str, tmp_path: pathlib.Path
) -> None:
    made = model.character(look=look, steps=1, actions=["walk"], folder=tmp_path / "hero")
    assert list(made.clips) == [("walk", d) for d in media.DIRECTIONS]
    body = look.split("; ")[0]
    assert all(clip.look.startswith(body) for clip in made.clips.values())
    assert len({clip.look for clip in made.clips.values()}) == 4
    about = json.loads((tmp_path / "hero" / "character.json").read_text())
    assert about["look"] == made.look and {"name", "title", "background", "stats"} <= about.keys()
    sheet, text = media.read_png(tmp_path / "hero" / "sheet.png")
    assert json.loads(text) == about and sheet.shape == (54 * 64, 13 * 64, 4)
    walk = made.clips["walk", "east"].frames
    assert np.array_equal(sheet[11 * 64 : 12 * 64, : len(walk) * 64], np.concatenate(list(walk), 1))
    written = {p.name for p in (tmp_path / "hero").iterdir()}
    assert {"portrait.png", "sheet.json", "sheet.tres", "sheet.png.meta", "character.aseprite"} <= written


def test_a_stopped_character_goes_on_without_drawing_again(
    model: Sancai, look: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = model.character(look=look, steps=1, actions=["walk"], folder=tmp_path)
    drawn: list[str] = []
    draw = Engine.draw
    monkeypatch.setattr(
        Engine, "draw", lambda self, requests: (drawn.extend(r.look for r in requests), draw(self, requests))[1]
    )
    again = model.character(look=look, steps=1, actions=["walk", "idle"], folder=tmp_path)
    assert len(drawn) == 4 and all("walk" not in text for text in drawn)
    for key, clip in first.clips.items():
        assert np.array_equal(clip.frames, again.clips[key].frames) and clip.look == again.clips[key].look


def test_clips_of_another_character_are_not_taken(model: Sancai, look: str, tmp_path: pathlib.Path) -> None:
    model.character(look=look, steps=1, actions=["idle"], folder=tmp_path)
    with pytest.raises(MediaError, match="another look, seed or settings"):
        model.character(look=look, seed=1, steps=1, actions=["idle"], folder=tmp_path)


def test_a_folder_with_other_files_is_refused(model: Sancai, look: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(MediaError, match=r"holds other files \(notes.txt\)"):
        model.character(look=look, steps=1, actions=["idle"], folder=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_what_cannot_be_made_is_told(model: Sancai, look: str) -> None:
    with pytest.raises(RequestError, match="unknown actions dance; this model knows"):
        model.character(look=look, actions=["dance"])
    with pytest.raises(RequestError, match="cannot make whole characters"):
        load(device="cpu").character("a knight")


def test_the_command_writes_the_folder(
    folder: pathlib.Path, look: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "hero"
    arguments = ["--look", look, "-m", str(folder), "-o", str(target), "--steps", "1", "--actions", "idle"]
    assert main(["character", "somebody", *arguments]) == 0
    assert str(target) in capsys.readouterr().out and (target / "sheet.png").is_file()
