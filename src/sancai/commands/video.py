"""`sancai video`: film a character, or bring a sprite to life."""

import pathlib
from dataclasses import dataclass
from typing import Annotated

import tyro

from sancai.commands.options import (
    DrawOptions,
    finish,
    load,
    parse,
    print_result,
    slug,
    step_bar,
    unused_path,
    validate_output_options,
    warn_unknown,
)
from sancai.errors import MediaError
from sancai.media import check_writable

FORMATS = (".gif", ".webp", ".apng", ".png", ".mp4")


@dataclass(frozen=True, kw_only=True)
class VideoOptions(DrawOptions):
    """Film an 8-frame clip of a game character with a clear background."""

    prompt: tyro.conf.Positional[str]
    """What happens: `a skeleton walking right`; with --from only the action: `slashing`."""
    out: Annotated[pathlib.Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """.gif, .webp, .apng, .png (animated) or .mp4 (on white)."""
    start: Annotated[pathlib.Path | None, tyro.conf.arg(name="from")] = None
    """A sprite whose character is to move."""
    sheet: pathlib.Path | None = None
    """Also write a sprite sheet: all frames in one PNG, and a JSON beside it."""
    frames: int = 8
    """Length of the clip; the shipped model has learnt 8."""
    fps: float = 8.0
    """Frames a second."""


def run(arguments: list[str]) -> None:
    """Film and write the clip."""
    options = parse("video", VideoOptions, arguments)
    target = _check(options)
    from sancai import media

    start = media.read_picture(options.start) if options.start else None
    model = load(options.model, options.device)
    warn_unknown(model, options.prompt)
    with step_bar("filming") as on_step:
        film = model.video(
            options.prompt, start=start, seed=options.seed, steps=options.steps, guidance=options.guidance,
            frames=options.frames, on_step=on_step,
        )  # fmt: skip
    film = finish(film, options, model)
    if target is not None:
        print_result(str(film.save(target, force=options.force, fps=options.fps)))
    if options.sheet is not None:
        print_result(str(film.save_sheet(options.sheet, force=options.force, fps=options.fps)))


def _check(options: VideoOptions) -> pathlib.Path | None:
    """Return the clip's file, refusing what cannot work before anything is filmed."""
    validate_output_options(options)
    if not 1 <= options.fps <= 60:
        raise MediaError(f"fps is {options.fps}; choose 1 to 60")
    target = options.out
    if target is None and options.sheet is None:
        target = unused_path(slug(options.prompt), ".gif")
    if target is not None:
        if target.suffix.lower() not in FORMATS:
            raise MediaError(f"cannot write {target.name}; use one of {', '.join(FORMATS)}")
        check_writable(target, options.force)
    if options.sheet is not None:
        if options.sheet.suffix.lower() != ".png" or options.sheet == target:
            raise MediaError(f"the sheet {options.sheet} must be a .png of its own, not the clip's file")
        check_writable(options.sheet, options.force)
        check_writable(options.sheet.with_suffix(".json"), options.force)
    return target
