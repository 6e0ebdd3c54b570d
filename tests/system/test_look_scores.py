"""Scores of models that plan: the art itself scores 1, a crisp picture is one in the art's colours."""

import dataclasses
import pathlib

import numpy as np
import pytest

from recipes import nano
from sancai import Sancai, load
from sancai.data.characters.library import Library
from sancai.data.characters.look import Looks
from sancai.data.characters.packs import open_pack
from sancai.engine import Clip, Engine, SamplingConfig
from sancai.evals import CharacterSuite, EvalConfig, SpriteJudge
from sancai.evals.looks import LookSuite
from sancai.evals.sprites import crispness
from sancai.train import opening, start


@pytest.fixture(scope="module")
def library() -> Library:
    return open_pack("synthetic")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Sancai:
    """A model that plans, after one step."""
    recipe = nano.pretrain()
    mixture = {task: dataclasses.replace(recipe.mixture[task], rows=1) for task in ("image", "plan")}
    config = dataclasses.replace(recipe, steps=1, sample_every=0, mixture=mixture)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "VOCABULARY_TEXTS", 150)
        run = start(config, tmp_path_factory.mktemp("run"))
        run.train()
    return load(pathlib.Path(run.folder) / "model", device="cpu")


def test_crispness_counts_visible_pixels_near_a_colour() -> None:
    colors = np.array([[0, 0, 0], [200, 30, 30]], np.uint8)
    frames = np.zeros((1, 2, 2, 4), np.uint8)
    frames[0, 0, 0], frames[0, 0, 1] = (4, 0, 8, 255), (200, 39, 30, 255)
    frames[0, 1, 0] = (90, 90, 90, 100)
    assert crispness(frames, colors) == 0.5


@pytest.mark.parametrize("action", ["walk", "slash"])
def test_the_judge_reads_clips_of_all_frames(library: Library, action: str) -> None:
    looks = Looks(library)
    who, direction = looks.character(looks.parse(some_look(looks, action)))
    order = list(range(library.animations[action]["frames"]))
    real = np.stack([library.frame(who, direction, n) for n in order])
    score = SpriteJudge(library).clip(who, direction, real, order)
    assert score.phase == 1.0 and score.action and score.direction
    still = np.repeat(real[:1], len(order), 0)
    assert SpriteJudge(library).clip(who, direction, still, order).phase < 1


def some_look(looks: Looks, action: str) -> str:
    slots = looks.vocabulary.slots
    return "; ".join([next(iter(slots["body"])), looks.actions[action], looks.facings["west"]])


def test_the_art_itself_is_right_in_every_attribute(
    model: Sancai, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that draws what the art draws: what is named is shown, snapping changes nothing."""
    looks = Looks(library)

    def art(engine: Engine, requests: list) -> list[Clip]:
        clips = []
        for request in requests:
            look = request.look or str(engine.plan(request).look.text)
            who, direction = looks.character(looks.parse(look))
            frames = range(library.animations[who["action"]]["frames"] if request.kind == "video" else 1)
            clips.append(Clip(np.stack([library.frame(who, direction, n) for n in frames]), look))
        return clips

    monkeypatch.setattr(Engine, "draw", art)
    suite = LookSuite(model, library, SamplingConfig(steps=1), True, lambda _: None)
    pictures, film = suite.pictures(6), suite.film(4)
    for name in ("network", "snapped", "real"):
        assert pictures[name]["attributes"] == 1.0 and pictures[name]["crispness"] > 0.95
        assert film[name]["identity"] == 1.0 and film[name]["frame_order"] == 1.0


def test_a_planning_model_is_scored_in_its_own_suites(model: Sancai, library: Library) -> None:
    config = EvalConfig(images=2, clips=1, reads=0, sums=0, sampling=SamplingConfig(steps=1))
    report = CharacterSuite(model, library, config, lambda _: None).run()
    assert set(report) == {"looks", "short", "film"}
    assert 0 <= report["looks"]["network"]["attributes"] <= 1 and report["looks"]["real"]["attributes"] == 1.0
    assert {"declined"} <= report["short"]["network"].keys()
