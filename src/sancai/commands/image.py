"""`sancai image`: draw a game character."""

import pathlib
from dataclasses import dataclass
from typing import Annotated

import tyro

from sancai.commands.options import (
    DrawOptions,
    check_output,
    load,
    numbered,
    parse,
    print_result,
    read_look,
    read_prompt,
    save_clip,
    show_look,
    slug,
    step_bar,
    unused_path,
    warn_unknown,
)
from sancai.errors import MediaError, RequestError
from sancai.media import check_writable


@dataclass(frozen=True, kw_only=True)
class ImageOptions(DrawOptions):
    """Draw a game character with a clear background, as PNG."""

    prompt: tyro.conf.Positional[str] = "-"
    """What to draw: `a female elf with long red hair, holding a bow, facing right`; `-` or a pipe is read."""
    out: Annotated[pathlib.Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """PNG file to write; by default named after the prompt."""
    count: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 1
    """How many, with successive seeds."""
    edit: pathlib.Path | None = None
    """A sprite to change as the prompt says: `make the cape blue`."""


def run(arguments: list[str]) -> None:
    """Draw and write the pictures."""
    options = read_prompt(parse("image", ImageOptions, arguments))
    palette, look, targets = check_output(options), read_look(options.look), _targets(options)
    from sancai import media

    model = load(options.model, options.device)
    pictures = [media.read_picture(options.edit, model.engine.generation.frame_size)] if options.edit else []
    warn_unknown(model, options.prompt)
    for number, target in enumerate(targets):
        with step_bar("drawing") as on_step:
            clip = model.image(
                options.prompt, pictures=pictures, look=look, seed=options.seed + number, steps=options.steps,
                guidance=options.guidance, sampler=options.sampler, palette=palette, on_step=on_step,
            )  # fmt: skip
        show_look(clip, options)
        replace = options.force and options.out is not None
        print_result(str(save_clip(clip.upscaled(options.scale), target, replace=replace)))


def _targets(options: ImageOptions) -> list[pathlib.Path]:
    """Return the files to write, refusing what cannot work before anything is drawn."""
    if not 1 <= options.count <= 256:
        raise RequestError(f"count is {options.count}; choose 1 to 256")
    first = options.out or unused_path(slug(options.prompt), ".png", options.count)
    if first.suffix.lower() != ".png":
        raise MediaError(f"{first} is not a PNG name; pictures are written as .png")
    targets = numbered(first, options.count)
    for target in targets:
        check_writable(target, options.force)
    return targets
