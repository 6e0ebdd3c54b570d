"""A callback of training: sheets of what the model draws as it learns."""

from typing import Any

import numpy as np

from sancai import engine, media
from sancai.device import collectives
from sancai.device.platform import get_platform
from sancai.device.sharding import full_state_dict
from sancai.model import Transformer
from sancai.train import Run

SEEDS = range(4)
STEPS = 8
SCALE = 2


def write_sample_sheet(step: int, report: dict[str, float], run: Run) -> None:
    """Write `samples-STEP.png` every `sample_every` steps: one row a prompt of the config, one column a seed.

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
    return engine.Engine(model, run.tokenizer, get_platform("cpu" if run.config.shard else run.config.device))


def _row(artist: engine.Engine, prompt: str) -> np.ndarray:
    """Return one picture a seed, side by side: uint8 (H, W · seeds, 4)."""
    sampling = engine.SamplingConfig(steps=STEPS)
    requests = [engine.Request(kind="image", prompt=prompt, seed=seed, sampling=sampling) for seed in SEEDS]
    return np.concatenate([clip.frames[0] for clip in artist.draw(requests) if clip is not None], 1)
