"""`sancai video`: film a character, or bring a sprite to life."""

import pathlib
from dataclasses import dataclass
from typing import Annotated

import tyro

from sancai.commands.options import (
    DrawOptions,
    check_clip_path,
    check_output,
    load,
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
from sancai.errors import MediaError
from sancai.media import check_writable


@dataclass(frozen=True, kw_only=True)
class VideoOptions(DrawOptions):
    """Film a short clip of a game character with a clear background."""

    prompt: tyro.conf.Positional[str] = "-"
    """What happens: `a skeleton walking right`; with --from only the action: `slashing`; `-` or a pipe is read."""
    out: Annotated[pathlib.Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """.gif, .webp, .apng, .png (animated) or .mp4 (on white)."""
    start: Annotated[pathlib.Path | None, tyro.conf.arg(name="from")] = None
    """A sprite whose character is to move."""
    sheet: pathlib.Path | None = None
    """Also write a sprite sheet: all frames in one PNG, and a JSON beside it."""
    frames: int | None = None
    """Length of the clip; by default what the model says for the action."""
    fps: float = 8.0
    """Frames a second."""


def run(arguments: list[str]) -> None:
    """Film and write the clip."""
    options = read_prompt(parse("video", VideoOptions, arguments))
    palette, look, target = check_output(options), read_look(options.look), _check(options)
    from sancai import media

    model = load(options.model, options.device)
    start = media.read_picture(options.start, model.engine.generation.frame_size) if options.start else None
    warn_unknown(model, options.prompt)
    with step_bar("filming") as on_step:
        clip = model.video(
            options.prompt, start=start, look=look, seed=options.seed, frames=options.frames, steps=options.steps,
            guidance=options.guidance, sampler=options.sampler, palette=palette, on_step=on_step,
        )  # fmt: skip
    show_look(clip, options)
    clip = clip.upscaled(options.scale)
    if target is not None:
        replace = options.force and options.out is not None
        print_result(str(save_clip(clip, target, replace=replace, fps=options.fps)))
    if options.sheet is not None:
        print_result(str(clip.save_sheet(options.sheet, force=options.force, fps=options.fps)))


def _check(options: VideoOptions) -> pathlib.Path | None:
    """Return the clip's file, refusing what cannot work before anything is filmed."""
    if not 1 <= options.fps <= 60:
        raise MediaError(f"fps is {options.fps}; choose 1 to 60")
    target = options.out
    if target is None and options.sheet is None:
        target = unused_path(slug(options.prompt), ".gif")
    if target is not None:
        check_clip_path(target, options.force)
    if options.sheet is not None:
        if options.sheet.suffix.lower() != ".png" or options.sheet == target:
            raise MediaError(f"the sheet {options.sheet} must be a .png of its own, not the clip's file")
        check_writable(options.sheet, options.force)
        check_writable(options.sheet.with_suffix(".json"), options.force)
    return target
