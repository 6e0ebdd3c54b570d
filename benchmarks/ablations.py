"""Does a design choice pay?  Train nano a little with each alternative and compare what it learned.

    python benchmarks/ablations.py [--steps 200] [--seeds 1] [--only loss] [--out benchmarks/results/ablations.json]

Every alternative sees the same synthetic characters in the same order.  What counts is the error of the
predicted clean latents on held-out compositions: at σ = 1 only the words can tell what to draw, so the
error with the right caption, beside the error with another character's, says how far words have taken hold.
"""

import argparse
import contextlib
import dataclasses
import json
import pathlib
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from recipes import nano
from sancai.data import Task
from sancai.data.characters import Characters
from sancai.data.characters.captions import caption
from sancai.data.characters.split import draw_character
from sancai.model.hyper_connection import HyperConnection
from sancai.sequence import PackedSequence, pack
from sancai.train import Share, TrainConfig, start
from sancai.train.batch import prepare
from sancai.train.trainer import Trainer

PROBES = 64
LEVELS = (1.0, 0.5)
Change = Callable[[TrainConfig], TrainConfig]


def visual(**values: Any) -> Change:
    """Return a change of visual settings."""

    def apply(config: TrainConfig) -> TrainConfig:
        assert config.model.visual is not None
        model = dataclasses.replace(config.model, visual=dataclasses.replace(config.model.visual, **values))
        return dataclasses.replace(config, model=model)

    return apply


def loss(**values: Any) -> Change:
    """Return a change of loss settings."""
    return lambda config: dataclasses.replace(config, loss=dataclasses.replace(config.loss, **values))


def data(**values: Any) -> Change:
    """Return a change of the data set's settings."""
    return lambda config: dataclasses.replace(config, data=dataclasses.replace(config.data, **values))


def same(config: TrainConfig) -> TrainConfig:
    """Return the recipe as it is."""
    return config


@contextlib.contextmanager
def raster() -> Iterator[None]:
    """Lay the patches of a frame out row by row instead of in Morton order."""

    def plain(rows: int, columns: int) -> np.ndarray:
        return np.arange(rows * columns)

    places = ("sancai.sequence.order", "sancai.sequence.packing")
    with contextlib.ExitStack() as stack:
        for place in places:
            for name in ("morton_order", "raster_order"):
                if hasattr(sys.modules.get(place), name):
                    stack.enter_context(mock.patch(f"{place}.{name}", plain))
        yield


def uniform_streams(trainer: Trainer) -> None:
    """Start hyper-connections from zero logits: streams are averaged at every site."""
    with torch.no_grad():
        for module in trainer.model.modules():
            if isinstance(module, HyperConnection):
                module.base.zero_()
                module.scale.fill_(1.0)


def small_embeddings(trainer: Trainer) -> None:
    """Start embeddings at 0.02 and sublayers that speak at once."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        trainer.model.embed.weight.mul_(0.02)
        for name, weight in trainer.model.named_parameters():
            if name.endswith(("wo_b.weight", ".w2", "shared_experts.w2.weight")):
                weight.copy_(torch.randn(weight.shape, generator=generator) * weight.shape[-1] ** -0.5)


@dataclasses.dataclass(frozen=True)
class Alternative:
    """One choice: a changed recipe, a changed start, or a changed layout."""

    group: str
    name: str
    change: Change = same
    begin: Callable[[Trainer], None] | None = None
    layout: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext


ALTERNATIVES = (
    Alternative("base", "the recipe"),
    Alternative("loss", "compare clean latents", loss(kind="x")),
    Alternative("levels", "noise levels not shifted", data(shift=1.0)),
    Alternative("order", "patches row by row", layout=raster),
    Alternative("sharing", "own experts only", visual(sharing="experts")),
    Alternative("sharing", "everything shared", visual(sharing="full")),
    Alternative("streams", "averaging hyper-connections", begin=uniform_streams),
    Alternative("start", "embeddings of 0.02", begin=small_embeddings),
)


def probes(dataset: Characters) -> dict[str, PackedSequence]:
    """Return held-out characters behind their own caption and behind another's."""
    rng, library = random.Random(7), dataset.library
    found = [draw_character(library, rng, held_out=True) for _ in range(PROBES)]
    seen = [library.visible(w, d, library.animations[w["action"]]["clip"][:1]) for w, d in found]
    told = [caption(library, w, d, visible=v, video=False) for (w, d), v in zip(found, seen, strict=True)]
    out = {}
    for name, moved in (("right", told), ("wrong", told[1:] + told[:1])):
        pairs = zip(found, moved, strict=True)
        out[name] = pack([[dataset.drawing(words, who, direction)] for (who, direction), words in pairs])
    return out


@torch.no_grad()
def errors(trainer: Trainer, packs: dict[str, PackedSequence]) -> dict[str, float]:
    """Return the mean squared error of the predicted clean latents by caption and noise level."""
    out = {}
    for name, packed in packs.items():
        batch = prepare("image", Task(shift=1.0), packed, torch.Generator().manual_seed(1))
        assert batch.clean is not None and batch.sigma is not None
        noise = torch.randn(batch.clean.shape, generator=torch.Generator().manual_seed(2))
        for level in LEVELS:
            z = (1 - level) * batch.clean + level * noise
            prediction = trainer.model(packed.with_latents(z, torch.full_like(batch.sigma, level))).prediction
            out[f"{name} caption, σ {level}"] = float((prediction - batch.clean).square().mean())
    return out


def run_one(alternative: Alternative, steps: int, seed: int) -> dict[str, float]:
    """Train one alternative and return its errors and its seconds a step."""
    config = dataclasses.replace(
        alternative.change(nano.pretrain()), mixture={"image": Share(16)}, seed=seed, sample_every=0, decay_share=0.3,
        steps=steps,
    )  # fmt: skip
    with alternative.layout(), tempfile.TemporaryDirectory() as folder:
        trainer = start(config, pathlib.Path(folder)).trainer
        if alternative.begin:
            alternative.begin(trainer)
        started = time.perf_counter()
        for step in range(steps):
            trainer.step(step)
        seconds = (time.perf_counter() - started) / steps
        return errors(trainer, probes(trainer.dataset)) | {"seconds a step": seconds}


def main() -> None:
    """Print a line an alternative and write all as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", default="", help="groups to run, divided by commas")
    parser.add_argument("--out", type=pathlib.Path, default=None)
    options = parser.parse_args()
    wanted = set(filter(None, options.only.split(",")))
    report: dict[str, dict[str, float]] = {}
    for alternative in (a for a in ALTERNATIVES if not wanted or a.group in wanted):
        runs = [run_one(alternative, options.steps, seed) for seed in range(options.seeds)]
        means = {name: round(float(np.mean([r[name] for r in runs])), 4) for name in runs[0]}
        report[f"{alternative.group}: {alternative.name}"] = means
        print(f"{alternative.group}: {alternative.name:<28} {means}", flush=True)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        settings = {"recipe": "nano, pictures only", "steps": options.steps, "seeds": options.seeds}
        options.out.write_text(json.dumps({"settings": settings, "errors": report}, indent=1) + "\n")


if __name__ == "__main__":
    main()
