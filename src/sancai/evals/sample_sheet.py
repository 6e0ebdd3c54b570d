"""A callback of training: sheets of what the model draws as it learns."""

import contextlib
import dataclasses
from typing import Any

import numpy as np

from sancai import engine, media
from sancai.checkpoint import load_generation
from sancai.device import collectives
from sancai.device.platform import get_platform
from sancai.device.sharding import full_state_dict
from sancai.errors import RequestError
from sancai.model import Transformer
from sancai.train import Run

SEEDS = range(4)
STEPS = 8
SCALE = 2


def write_sample_sheet(step: int, report: dict[str, float], run: Run) -> None:
    """Write `samples-STEP.png` every `sample_every` steps: one row a prompt or look, one column a seed.

    Pictures come from the moving average of the weights.  All ranks call this together: sharded weights are gathered.
    """
    config = run.config
    if not config.sample_every or step % config.sample_every or not config.sample_prompts:
        return
    is_rank_zero = collectives.is_rank_zero()
    weights = full_state_dict(run.trainer.ema, keeps=is_rank_zero)
    if not is_rank_zero:
        return
    artist = _engine(run, weights)
    sheet = np.concatenate([_row(artist, prompt) for prompt in config.sample_prompts])
    sheet = media.enlarge(sheet[None], SCALE)[0]
    media.write_file(run.folder / f"samples-{step:06d}.png", media.png_bytes(sheet))


def _engine(run: Run, weights: dict[str, Any]) -> engine.Engine:
    """Return an engine with these weights; on the CPU where one device may not hold the model."""
    model = Transformer(run.config.model, seed=None)
    model.load_state_dict(weights)
    folder, device = run.save_metadata(), "cpu" if run.config.shard else run.config.device
    looks = engine.load_looks(folder)
    return engine.Engine(model, run.tokenizer, get_platform(device), load_generation(folder), looks)


def _row(artist: engine.Engine, prompt: str) -> np.ndarray:
    """Return one picture a seed, side by side: uint8 (H, W · seeds, 4); a clear one where the model declines."""
    asked = engine.Request(kind="image", prompt=prompt, sampling=engine.SamplingConfig(steps=STEPS))
    if artist.looks is not None:
        with contextlib.suppress(RequestError):  # words are planned, a look is drawn as it is
            asked = dataclasses.replace(asked, look=artist.looks.parse(prompt).text)
    clips = artist.draw([dataclasses.replace(asked, seed=seed) for seed in SEEDS])
    size = artist.generation.frame_size
    clear = np.zeros((size, size, 4), np.uint8)
    return np.concatenate([clear if clip is None else clip.frames[0] for clip in clips], 1)
