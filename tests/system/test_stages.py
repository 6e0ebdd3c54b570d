"""Stages: runs one after another by one command, each from the averaged weights of the one before."""

import dataclasses
import json
import pathlib
import sys

import pytest
import torch

from recipes import nano
from sancai.checkpoint import load_model, load_state, newest_state
from sancai.commands import train as train_command
from sancai.errors import CheckpointError, ConfigError
from sancai.telemetry import read_metrics
from sancai.tokenizer import Tokenizer
from sancai.train import Share, TrainConfig, open_stages, stages, start, train_stages

RECIPE = """
import dataclasses
from recipes import nano
from sancai.train import Share

def two():
    base = dataclasses.replace(nano.pretrain(), measure_limit=False, sample_every=0, save_every=1)
    words = dataclasses.replace(base.model, visual=None)
    return (
        dataclasses.replace(base, name="words", model=words, steps=2, mixture={"arithmetic": Share(2)}),
        dataclasses.replace(base, name="pictures", steps=3, mixture={"image": Share(1)}),
    )

def none():
    return ()
"""

pytestmark = pytest.mark.usefixtures("few_texts")


def config(name: str, **changes: object) -> TrainConfig:
    base = dataclasses.replace(nano.pretrain(), measure_limit=False, sample_every=0, save_every=1, warmup_steps=1)
    return dataclasses.replace(base, name=name, **changes)


def words() -> TrainConfig:
    text_model = dataclasses.replace(nano.model(), visual=None)
    return config("words", model=text_model, steps=2, mixture={"arithmetic": Share(2)})


def pictures(**changes: object) -> TrainConfig:
    return config("pictures", **{"steps": 3, "mixture": {"image": Share(1)}} | changes)


def test_a_later_stage_takes_the_text_half_bit_by_bit_and_gets_a_fresh_visual_half(tmp_path: pathlib.Path) -> None:
    first, second = stages((words(), pictures()), tmp_path)
    start(*first).train()
    ema = load_state(newest_state(first[1]))["ema"]
    run = start(*second)
    model = run.trainer.model.state_dict()
    assert {n for n in model if not n.startswith("visual.")} == ema.keys()
    assert all(torch.equal(model[name], ema[name]) for name in ema)
    assert any(n.startswith("visual.layers") for n in model)
    again = dataclasses.replace(second[0], seed=1)
    other = start(again, tmp_path / "other").trainer.model.state_dict()
    assert any(not torch.equal(other[n], model[n]) for n in model if n.startswith("visual."))
    texts = "what is 27 + 82?"
    assert run.tokenizer.encode(texts) == Tokenizer.load(first[1] / "tokenizer.json").encode(texts)


def test_stages_run_one_after_another_and_resume_in_the_right_one(tmp_path: pathlib.Path) -> None:
    both = (words(), pictures())
    model = train_stages(both, tmp_path / "whole")
    assert model == tmp_path / "whole" / "2-pictures" / "model"
    asked = iter([False, False, False, True])
    train_stages(both, tmp_path / "broken", stop=lambda: next(asked))
    done = {f.name: len(read_metrics(f / "metrics.jsonl")) for f in (tmp_path / "broken").iterdir()}
    assert done == {"1-words": 2, "2-pictures": 1}
    opened = [run.config.name for run in open_stages(stages(both, tmp_path / "broken"))]
    assert opened == ["pictures"], "the stage that is finished is not opened again"
    train_stages(both, tmp_path / "broken")
    whole, broken = (load_model(tmp_path / n / "2-pictures" / "model")[0].state_dict() for n in ("whole", "broken"))
    assert all(torch.equal(whole[name], broken[name]) for name in whole)
    recorded = [json.loads((tmp_path / "whole" / n / "config.json").read_text()) for n in ("1-words", "2-pictures")]
    assert [r["name"] for r in recorded] == ["words", "pictures"]
    assert recorded[1]["start_from"] == str(tmp_path / "whole" / "1-words")
    assert recorded[0]["data"]["dataset"] == "CharactersConfig"


def test_a_run_can_start_from_a_model_folder(tmp_path: pathlib.Path) -> None:
    start(words(), tmp_path / "words").train()
    run = start(pictures(start_from=str(tmp_path / "words" / "model")), tmp_path / "pictures")
    shipped = load_model(tmp_path / "words" / "model")[0].state_dict()
    model = run.trainer.model.state_dict()
    assert all(torch.equal(model[name], shipped[name]) for name in shipped)


def test_another_text_half_is_refused(tmp_path: pathlib.Path) -> None:
    start(words(), tmp_path / "words").train()
    wider = dataclasses.replace(nano.model(), moe_intermediate_size=64)
    with pytest.raises(CheckpointError, match="do not fit the model"):
        start(pictures(model=wider, start_from=str(tmp_path / "words")), tmp_path / "pictures")


def test_the_command_runs_all_stages_and_tells_when_they_are_finished(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "staged.py").write_text(RECIPE, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    command = ["staged:two", f"--run={tmp_path / 'run'}", "--log-every", "1", "--seed", "3"]
    assert train_command.run(command) is None
    out, said = capsys.readouterr()
    assert out == f"{tmp_path / 'run' / '2-pictures' / 'model'}\n"
    assert "words: steps 0 to 2" in said and "pictures: steps 0 to 3" in said and "tokens/s" in said
    assert json.loads((tmp_path / "run" / "2-pictures" / "config.json").read_text())["seed"] == 3
    assert train_command.run(command) is None
    assert "is finished" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="returned nothing"):
        train_command.run(["staged:none"])
