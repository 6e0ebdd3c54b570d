"""`sancai train`: run a recipe; stop with Ctrl-C, go on by the same command."""

import dataclasses
import importlib
import pathlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tyro

from sancai.commands.interrupts import Interrupts
from sancai.commands.options import log, print_result
from sancai.errors import ConfigError

SHOWN = ("loss/flow", "loss/text", "gradient_norm")
STOPPED = 128
"""Exit code of a run that a signal stopped, plus the signal's number."""


def run(arguments: list[str]) -> int | None:
    """Train; `recipe.module:function` comes first, overrides by dotted name after."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print_result(
            "usage: sancai train RECIPE [--run FOLDER] [--setting value …]\n\n"
            "RECIPE is module:function, for example recipes.nano:pretrain; add --help after it for all settings.\n"
            "A run in a folder that holds one already goes on where it stopped.\n"
            "A recipe may have several stages: each has a folder inside, and settings count for all of them.\n"
            "Several devices: torchrun --nproc-per-node=2 -m -- sancai train RECIPE\n"
            "A model too large for one of them: the same with --shard"
        )
        return None
    recipe, *rest = arguments
    folder, rest = _folder(recipe, rest)
    made = load_recipe(recipe)
    configs = [
        tyro.cli(type(default), default=default, args=rest, prog=f"sancai train {recipe}")
        for default in (made if isinstance(made, tuple) else (made,))
    ]
    from sancai import train
    from sancai.device import collectives

    todo = train.stages(configs, folder) if isinstance(made, tuple) else [(configs[0], folder)]
    if all(map(train.is_finished, todo)):
        log(f"{folder} is finished ({configs[-1].steps} steps); raise --steps to go on or name another --run")
        return None
    with Interrupts() as interrupts:
        for session in train.open_stages(todo):
            _train(session, interrupts)
    is_complete = session.step >= session.config.steps  # the files say so later on ranks that do not write
    if collectives.is_rank_zero():
        print_result(str(session.folder / "model"))
    collectives.shut_down()
    return None if is_complete and interrupts.caught is None else STOPPED + (interrupts.caught or 2)


def _train(session: Any, interrupts: Interrupts) -> None:
    """Run one stage, with a bar, lines and sample sheets."""
    from sancai.device import collectives
    from sancai.evals import write_sample_sheet

    config = session.config
    if collectives.is_rank_zero():
        where = f"device {config.device}, run folder {session.folder}, ranks {collectives.world_size()}"
        log(f"{config.name}: steps {session.step} to {config.steps}, {where}")
    with _progress(config.steps, session.step) as show:
        session.train((show, write_sample_sheet), stop=interrupts)


def load_recipe(name: str) -> Any:
    """Return what a recipe `module:function` makes: one configuration, or a tuple of stages."""
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
    made = make()
    stages = made if isinstance(made, tuple) else (made,)
    wrong = [type(config).__name__ for config in stages if not dataclasses.is_dataclass(config)]
    if wrong or not stages:
        raise ConfigError(f"recipe {name!r} returned {wrong or 'nothing'}; expected a TrainConfig or a tuple of them")
    return made


def _folder(recipe: str, rest: list[str]) -> tuple[pathlib.Path, list[str]]:
    """Return the run folder, from `--run FOLDER` or `--run=FOLDER`, and the other arguments."""
    rest = [part for a in rest for part in (a.split("=", 1) if a.startswith("--run=") else [a])]
    if "--run" in rest:
        at = rest.index("--run")
        if not "".join(rest[at + 1 : at + 2]):
            raise ConfigError("--run needs a folder, for example --run runs/first")
        return pathlib.Path(rest[at + 1]), rest[:at] + rest[at + 2 :]
    return pathlib.Path("runs") / recipe.split(".")[-1].replace(":", "-"), rest


@contextmanager
def _progress(steps: int, first: int) -> Iterator[Any]:
    """Show losses, rates and the time left; a line every now and then where there is no terminal."""
    from rich.console import Console
    from rich.progress import Progress, TimeRemainingColumn

    from sancai.device import collectives

    console = Console(stderr=True)
    is_rank_zero = collectives.is_rank_zero()
    columns = *Progress.get_default_columns()[:-1], TimeRemainingColumn()
    with Progress(*columns, console=console, disable=not (is_rank_zero and console.is_terminal)) as bar:
        task = bar.add_task("training", total=steps, completed=first)

        def show(step: int, report: dict[str, float], session: Any) -> None:
            shown = step_line(report, session.limit)
            bar.update(task, completed=step, description=shown)
            if is_rank_zero and not console.is_terminal and step % session.config.log_every == 0:
                log(f"step {step}/{steps}  {shown}  {report['seconds']:.2f} s")

        yield show


def step_line(report: dict[str, float], limit: float | None) -> str:
    """Return what is shown of a step: losses, frames a second (or text tokens, without frames), share of the limit."""
    parts = [f"{name.split('/')[-1]} {report[name]:.3f}" for name in SHOWN if name in report]
    amount, unit = (report["frames"], "frames/s") if report["frames"] else (report["text_tokens"], "tokens/s")
    parts.append(f"{amount / report['seconds']:.1f} {unit}")
    if limit:
        parts.append(f"MFU {report['flops'] / report['seconds'] / limit:.1%}")
    return "  ".join(parts)
