"""New domains need a data set and a recipe: squares that are no characters, and text from a folder."""

import dataclasses
import json
import pathlib
import random

import numpy as np
import pytest

import sancai
from recipes import nano, text
from sancai.errors import ConfigError
from sancai.telemetry import read_metrics
from sancai.train import OptimizerConfig, Share, TrainConfig, start
from squares import COLORS, SIDES, SquaresConfig, square

WORDS = "one two three four five six seven eight nine ten".split()


def settings(**changes: object) -> TrainConfig:
    """Return a short run on squares."""
    base = TrainConfig(
        name="squares", model=nano.model(), data=SquaresConfig(), mixture={"paint": Share(4), "name": Share(4, 2, 1)},
        optimizer=OptimizerConfig(lr=6e-3, adamw_lr=4e-3), steps=20, warmup_steps=3, save_every=1000, dtype="float32",
    )  # fmt: skip
    return dataclasses.replace(base, **changes)


def test_a_second_picture_domain_trains_and_draws(tmp_path: pathlib.Path) -> None:
    start(settings(), tmp_path).train()
    rows = read_metrics(tmp_path / "metrics.jsonl")
    flow = [r["flow/paint"] for r in rows]
    assert sum(flow[-5:]) < 0.5 * sum(flow[:5])
    named = [r["text/name"] for r in rows if "text/name" in r]
    assert named[-1] < 0.5 * named[0]
    assert json.loads((tmp_path / "model" / "colors.json").read_text()) == sorted(COLORS)
    assert not (tmp_path / "model" / "words.json").exists()
    film = sancai.load(str(tmp_path / "model"), device="cpu").image("a red square on the left", steps=2)
    assert film.frames.shape == (1, 64, 64, 4)


def test_a_task_that_no_data_set_has_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"unknown tasks \['image'\]; expected some of paint, name"):
        settings(mixture={"image": Share(8)})


def test_noise_needs_a_task_that_trains_it(tmp_path: pathlib.Path) -> None:
    run = start(settings(), tmp_path)
    run.trainer.batches.tasks = {"paint": dataclasses.replace(SquaresConfig().tasks["paint"], shift=None)}
    with pytest.raises(ConfigError, match="documents of paint hold noisy blocks"):
        run.trainer.step(0)


def test_squares_are_where_their_captions_say() -> None:
    assert not np.array_equal(square("red", "left"), square("red", "right"))
    assert all(square(c, s)[30, SIDES[s] + 1, :3].tolist() == list(COLORS[c]) for c in COLORS for s in SIDES)


def test_text_from_a_folder_trains_in_filled_rows(tmp_path: pathlib.Path) -> None:
    rng = random.Random(2)
    folder = tmp_path / "texts"
    folder.mkdir()
    lines = [{"text": " ".join(WORDS[n % 10] for n in range(rng.randrange(5, 60)))} for _ in range(300)]
    (folder / "counting.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    recipe = text.pretrain(str(folder))
    config = dataclasses.replace(recipe, steps=12, warmup_steps=2, mixture={"text": Share(2, tokens=256)})
    start(config, tmp_path / "run").train()
    rows = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert rows[-1]["text/text"] < 0.6 * rows[0]["text/text"]
    assert sum(r["text_padding"] for r in rows) / len(rows) < 0.08
    assert sum(r["text_tokens"] for r in rows) / len(rows) == pytest.approx(2 * 256, rel=0.2)
    assert all(r["frames"] == 0 for r in rows)
