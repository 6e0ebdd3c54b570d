"""Several runs one after another: each starts from the averaged weights and the tokenizer of the one before."""

import pathlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from sancai.checkpoint import newest_state, state_step
from sancai.errors import ConfigError
from sancai.train.config import TrainConfig
from sancai.train.loop import Run
from sancai.train.opening import start

Stage = tuple[TrainConfig, pathlib.Path]


def stages(configs: Sequence[TrainConfig], folder: pathlib.Path) -> list[Stage]:
    """Return each stage's config and folder: `1-words`, `2-pictures` …, named after the configs.

    Raises:
        ConfigError: there is none.
    """
    if not configs:
        raise ConfigError("a recipe returned no stages; expected at least one TrainConfig")
    out: list[Stage] = []
    for number, config in enumerate(configs, 1):
        if out and config.start_from is None:
            config = replace(config, start_from=str(out[-1][1]))
        out.append((config, folder / f"{number}-{config.name}"))
    return out


def is_finished(stage: Stage) -> bool:
    """Return whether a stage has run to its end."""
    config, folder = stage
    newest = newest_state(folder)
    return newest is not None and state_step(newest) >= config.steps


def open_stages(todo: Sequence[Stage]) -> Iterator[Run]:
    """Yield a run for each stage that is not finished; the next is opened only once this one is."""
    for stage in todo:
        if is_finished(stage):
            continue
        run = start(*stage)
        yield run
        if run.step < run.config.steps:
            return


def train_stages(
    configs: Sequence[TrainConfig], folder: pathlib.Path, stop: Callable[[], bool] = lambda: False
) -> pathlib.Path:
    """Run all stages, going on where an earlier call stopped; return the folder of the last one's model."""
    todo = stages(configs, folder)
    for run in open_stages(todo):
        run.train(stop=stop)
    return todo[-1][1] / "model"
