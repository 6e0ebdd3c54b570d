"""`sancai train`: run a recipe; stop with Ctrl-C, go on by the same command."""

import dataclasses
import importlib
import os
import pathlib
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tyro

from sancai.commands.options import log, print_result
from sancai.errors import ConfigError

ONE_PRESS = 1.0
"""Seconds in which several signals count as one."""
SHOWN = ("loss/flow", "loss/text", "gradient_norm")


def run(arguments: list[str]) -> int | None:
    """Train; `recipe.module:function` comes first, overrides by dotted name after."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print_result(
            "usage: sancai train RECIPE [--run FOLDER] [--setting value …]\n\n"
            "RECIPE is module:function, for example recipes.nano:pretrain; add --help after it for all settings.\n"
            "A run in a folder that holds one already goes on where it stopped.\n"
            "Several devices: torchrun --nproc-per-node=2 -m -- sancai train RECIPE\n"
            "A model too large for one of them: the same with --shard"
        )
        return None
    recipe, *rest = arguments
    folder, rest = _folder(recipe, rest)
    config = tyro.cli(type(default := load_recipe(recipe)), default=default, args=rest, prog=f"sancai train {recipe}")
    from sancai import train
    from sancai.device import collectives

    session = train.start(config, folder)
    if session.step >= config.steps:
        log(f"{folder} is finished ({session.step} steps); raise --steps to go on or name another --run")
        return None
    where = f"pack {config.pack}, device {config.device}, run folder {folder}"
    if collectives.is_rank_zero():
        log(f"{config.name}: steps {session.step} to {config.steps}, {where}, ranks {collectives.world_size()}")
    with _interrupts() as stopped, _progress(config.steps, session.step) as watch:
        session.train(watch, stop=stopped)
    if collectives.is_rank_zero():
        print_result(str(folder / "model"))
    collectives.shut_down()
    return 130 if stopped() or session.step < config.steps else None


def load_recipe(name: str) -> Any:
    """Return the configuration of a recipe `module:function`."""
    module_name, _, function = name.partition(":")
    if not function:
        raise ConfigError(f"recipe {name!r} is not module:function; for example recipes.nano:pretrain")
    here = str(pathlib.Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        make = getattr(importlib.import_module(module_name), function)
    except (ModuleNotFoundError, AttributeError) as error:
        raise ConfigError(
            f"no recipe {name!r} ({error}); run in the project's folder, for example recipes.nano:pretrain"
        ) from error
    config = make()
    if not dataclasses.is_dataclass(config):
        raise ConfigError(f"recipe {name!r} returned {type(config).__name__}; expected a TrainConfig")
    return config


def _folder(recipe: str, rest: list[str]) -> tuple[pathlib.Path, list[str]]:
    """Return the run folder and the arguments without `--run`."""
    if "--run" in rest:
        at = rest.index("--run")
        if at + 1 >= len(rest):
            raise ConfigError("--run needs a folder, for example --run runs/first")
        return pathlib.Path(rest[at + 1]), rest[:at] + rest[at + 2 :]
    return pathlib.Path("runs") / recipe.split(".")[-1].replace(":", "-"), rest


@contextmanager
def _interrupts() -> Iterator[Any]:
    """Turn the first Ctrl-C into a clean stop after the step; the second stops at once.

    torchrun passes on to its ranks what the terminal has told them already, and Python may hear of that late: one
    repetition is not a second press.
    """
    asked: float | None = None
    repeats = 1 if "RANK" in os.environ else 0

    def ask(number: int, frame: Any) -> None:
        nonlocal asked, repeats
        now = time.monotonic()
        if asked is not None:
            if now - asked > ONE_PRESS and not repeats:
                raise KeyboardInterrupt
            repeats = 0
            return
        asked = now
        log("\nstopping after this step; the state is saved (Ctrl-C again stops at once)")

    before = {s: signal.signal(s, ask) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked is not None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _progress(steps: int, first: int) -> Iterator[Any]:
    """Show losses and the time left; a line every now and then where there is no terminal."""
    from rich.console import Console
    from rich.progress import Progress, TimeRemainingColumn

    from sancai.device import collectives

    console = Console(stderr=True)
    leads = collectives.is_rank_zero()
    columns = *Progress.get_default_columns()[:-1], TimeRemainingColumn()
    with Progress(*columns, console=console, disable=not (leads and console.is_terminal)) as bar:
        task = bar.add_task("training", total=steps, completed=first)

        def watch(step: int, report: dict[str, float], session: Any) -> None:
            shown = "  ".join(f"{n.split('/')[-1]} {report[n]:.3f}" for n in SHOWN if n in report)
            bar.update(task, completed=step, description=shown)
            if leads and not console.is_terminal and step % session.config.log_every == 0:
                log(f"step {step}/{steps}  {shown}  {report['seconds']:.2f} s")
            _draw_samples(step, session)

        yield watch


def _draw_samples(step: int, session: Any) -> None:
    """Write a sheet of the run's prompts as the averaged model draws them now: one row a prompt, four seeds."""
    import numpy as np

    from sancai import engine, media
    from sancai.device import collectives
    from sancai.device.platform import get_platform
    from sancai.device.sharding import full_state_dict

    config = session.config
    if not config.sample_every or step % config.sample_every or not config.sample_prompts:
        return
    leads = collectives.is_rank_zero()
    weights = full_state_dict(session.stepper.average, keeps=leads)
    if not leads:
        return
    model = type(session.stepper.model)(config.model)
    model.load_state_dict(weights)
    place = "cpu" if config.shard else config.device  # a model that is shared out may fit no device
    artist = engine.Engine(model, session.tokenizer, get_platform(place))
    rows, sampling = [], engine.SamplingConfig(steps=8)
    for prompt in config.sample_prompts:
        requests = [engine.Request(kind="image", prompt=prompt, seed=s, sampling=sampling) for s in range(4)]
        rows.append(np.concatenate([c.frames[0] for c in artist.draw(requests) if c is not None], 1))
    sheet = media.enlarge(np.concatenate(rows)[None], 2)[0]
    media.write_file(session.folder / f"samples-{step:06d}.png", media.png_bytes(sheet))
