"""`sancai character`: one sentence → a whole game character."""

import pathlib
from dataclasses import dataclass
from typing import Annotated

import tyro

from sancai.commands.options import (
    DrawOptions,
    check_output,
    load,
    log,
    parse,
    print_result,
    read_look,
    read_prompt,
    slug,
    step_bar,
    warn_unknown,
)
from sancai.errors import RequestError


@dataclass(frozen=True, kw_only=True)
class CharacterOptions(DrawOptions):
    """Make a whole game character from one sentence: portrait, every animation as one sheet, name and stats.

    The sheet has the universal LPC layout; beside it lie descriptions for Phaser and PixiJS (sheet.json), Godot
    (sheet.tres), Unity (sheet.png.meta) and Aseprite (character.aseprite).  A run that was stopped goes on when it is
    called again.
    """

    prompt: tyro.conf.Positional[str] = "-"
    """Who it is: `a grumpy orc blacksmith`; `-` or a pipe is read."""
    out: Annotated[pathlib.Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder to write; by default named after the prompt."""
    actions: tuple[str, ...] = ()
    """Which animations, such as `walk slash`; all by default."""


def run(arguments: list[str]) -> None:
    """Make the character and write its folder."""
    options = read_prompt(parse("character", CharacterOptions, arguments))
    if options.scale != 1:
        raise RequestError("sheets are read by position and are not enlarged; leave --scale out")
    palette, look = check_output(options), read_look(options.look)
    folder = options.out or pathlib.Path(slug(options.prompt))
    model = load(options.model, options.device)
    warn_unknown(model, options.prompt)
    with step_bar("drawing animations") as on_progress:
        made = model.character(
            options.prompt, look=look, seed=options.seed, steps=options.steps, guidance=options.guidance,
            actions=options.actions or None, folder=folder, palette=palette, force=options.force,
            on_progress=on_progress,
        )  # fmt: skip
    if options.think:
        log(made.look)
    print_result(f"{made.card['name']}, {made.card['title']}")
    print_result(str(folder))
