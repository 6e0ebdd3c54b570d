"""Scores are right where the answer is known, and the shipped model runs through every suite."""

import random

import numpy as np
import pytest

from sancai import load
from sancai.data.characters.split import attributes, draw_character, is_held_out
from sancai.data.characters.synthetic import synthetic_library
from sancai.evals import CharacterSuite, EvalConfig, SpriteJudge
from sancai.evals.characters import cases, chunk_f1, is_telling


def test_real_pictures_score_one_and_unrelated_ones_do_not() -> None:
    library = synthetic_library()
    judge, rng, right, wrong = SpriteJudge(library), random.Random(3), [], []
    for _ in range(12):
        who, direction = draw_character(library, rng)
        other, other_direction = draw_character(library, rng, action=who["action"])
        order = library.animations[who["action"]]["clip"]
        real = judge.frame(who, direction, order[0], library.frame(who, direction, order[0]))
        fake = judge.frame(who, direction, order[0], library.frame(other, other_direction, order[0]))
        right += real.attributes.values()
        wrong += fake.attributes.values()
        clip = judge.clip(who, direction, library.clip(who, direction))
        assert clip.phase in (1.0, None) and clip.direction is not False and clip.action is not False
    assert all(right)
    assert np.mean(wrong) < 0.8


def test_every_case_is_held_out_and_the_list_is_fixed() -> None:
    library = synthetic_library()
    first, again = cases(library, 10), cases(library, 10)
    assert first == again
    assert all(is_held_out(attributes(library, c.who, c.direction)) for c in first)


def test_validation_has_other_cases_and_none_is_held_out() -> None:
    library = synthetic_library()
    chosen = cases(library, 10, "validation")
    assert not any(is_held_out(attributes(library, c.who, c.direction)) for c in chosen)
    assert not {c.image_caption for c in chosen} & {c.image_caption for c in cases(library, 10)}


@pytest.mark.parametrize(
    ("told", "score"),
    [("a man with red hair, facing left", 1.0), ("a man with blue hair, facing left", 2 / 3), ("", 0.0)],
)
def test_caption_f1_counts_facts(told: str, score: float) -> None:
    assert chunk_f1(told, "a man with red hair, facing left") == pytest.approx(score)


def test_the_shipped_model_runs_through_every_suite() -> None:
    model = load()
    sampling = model.engine.generation.sampling.replace(steps=2)
    config = EvalConfig(images=2, clips=1, reads=2, sums=2, sampling=sampling)
    report = CharacterSuite(model, synthetic_library(), config, lambda line: None).run()
    assert set(report) >= {"image", "video", "read", "arithmetic"}
    assert report["image"]["real"]["attributes"] == 1.0
    assert 0.0 <= report["image"]["model"]["attributes"] <= 1.0


def test_what_cannot_be_told_apart_gets_no_mark() -> None:
    library = synthetic_library()
    judge, rng = SpriteJudge(library), random.Random(4)
    for action in library.animations:
        who, direction = draw_character(library, rng, action=action)
        frame = library.animations[action]["clip"][0]
        score = judge.frame(who, direction, frame, library.frame(who, direction, frame))
        assert ("direction" in score.attributes) == (len(library.facings(action)) > 1)
        clip = judge.clip(who, direction, library.clip(who, direction))
        assert (clip.phase is None) == (len(set(library.animations[action]["clip"])) == 1)


def test_an_action_is_asked_for_only_where_a_frame_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    library = synthetic_library()
    for case in cases(library, 60):
        assert case.question_kind != "action" or is_telling(library, case.who, case.direction)
    who, direction = draw_character(library, random.Random(2), action="walk")
    assert is_telling(library, who, direction)
    same = library.frame
    monkeypatch.setattr(library, "frame", lambda who, direction, frame: same(dict(who, action="walk"), direction, 0))
    assert not is_telling(library, who, direction)
