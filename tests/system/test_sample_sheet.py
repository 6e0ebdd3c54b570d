"""Sheets of what a model draws while it trains."""

import dataclasses
import pathlib
import random

import pytest
from PIL import Image

from recipes import nano
from sancai.data.characters import Characters
from sancai.evals import write_sample_sheet
from sancai.train import Share, start


@pytest.mark.usefixtures("few_texts")
def test_a_run_writes_sheets_of_looks_and_of_prompts(tmp_path: pathlib.Path) -> None:
    config = dataclasses.replace(
        nano.pretrain(), mixture={"image": Share(1)}, steps=2, sample_every=2, measure_limit=False
    )
    run = start(config, tmp_path)
    assert isinstance(run.trainer.dataset, Characters)
    look = run.trainer.dataset.corpus.prompter.draw(random.Random(1)).look
    run.config = dataclasses.replace(config, sample_prompts=(str(look), "an orc"))
    run.train([write_sample_sheet])
    assert [path.name for path in sorted(tmp_path.glob("samples-*"))] == ["samples-000002.png"]
    with Image.open(tmp_path / "samples-000002.png") as sheet:
        assert sheet.size == (2 * 4 * 64, 2 * 2 * 64), "a row a prompt, a column a seed, twice as large"
