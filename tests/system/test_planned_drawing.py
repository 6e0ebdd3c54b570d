"""What training writes is what the engine reads: a folder that plans, from patches of another size than 8."""

import dataclasses
import pathlib

import numpy as np
import pytest

from recipes import nano
from sancai import load
from sancai.train import start


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The folder of a model with 4×4 patches after one step."""
    recipe = nano.pretrain()
    visual = dataclasses.replace(recipe.model.visual, pixel_shuffle=4, latent_channels=64)
    config = dataclasses.replace(
        recipe, model=dataclasses.replace(recipe.model, visual=visual), steps=1, sample_every=0,
        mixture={task: dataclasses.replace(share, rows=1) for task, share in recipe.mixture.items() if task != "video"},
    )  # fmt: skip
    run = start(config, tmp_path_factory.mktemp("run"))
    run.train()
    return run.folder / "model"


def test_the_folder_says_what_the_engine_has_to_know(folder: pathlib.Path) -> None:
    assert {"config.json", "generation.json", "looks.json", "model.safetensors", "tokenizer.json"} <= {
        path.name for path in folder.iterdir()
    }
    engine = load(folder, device="cpu").engine
    assert engine.generation.plan and engine.generation.think == "auto"
    assert engine.generation.actions["walking"].loops and engine.looks is not None
    assert engine.generation.find_action("elf woman; walking; facing left") == "walking"


def test_a_look_is_drawn_in_the_colours_of_the_art(folder: pathlib.Path) -> None:
    model = load(folder, device="cpu")
    vocabulary = model.engine.looks
    needed = "; ".join(next(iter(s.phrases)) for s in vocabulary.slots if s.name in vocabulary.needed)
    clip = model.image(look=needed, steps=1)
    assert clip.look == needed and clip.frames.shape == (1, 64, 64, 4)
    assert set(np.unique(clip.frames[..., 3])) <= {0, 255}
