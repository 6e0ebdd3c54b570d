"""`sancai chat`: ask in words, also about a picture."""

import pathlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from sancai.commands.options import (
    check_clip_path,
    load,
    log,
    parse,
    print_result,
    read_prompt,
    save_clip,
    warn_unknown,
)
from sancai.errors import RequestError


@dataclass(frozen=True, kw_only=True)
class ChatOptions:
    """Ask the model; it answers on standard output."""

    prompt: tyro.conf.Positional[str] = "-"
    """The question; `-` or a pipe is read."""
    image: tyro.conf.UseAppendAction[Annotated[tuple[pathlib.Path, ...], tyro.conf.arg(aliases=["-i"])]] = ()
    """Sprites that the question is about."""
    think: bool = False
    """Work the answer out first (sums); the thinking goes to standard error."""
    direct: bool = False
    """Answer at once, also with a model that thinks by itself."""
    out: Annotated[pathlib.Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """If the model announces a picture or clip in its answer, draw it into this file; else nothing is drawn."""
    seed: int = 0
    """Of pictures, and of answers at temperatures above 0."""
    temperature: float | None = None
    """0 always gives the likeliest answer; by default what the model says."""
    max_tokens: int | None = None
    """Longest answer; by default what the model says."""
    model: Annotated[str, tyro.conf.arg(aliases=["-m"])] = "tiny"
    """`tiny` or a model folder."""
    device: str = "auto"
    """`auto`, `cpu`, a chip of docs/chips.md or a device type."""


def run(arguments: list[str]) -> None:
    """Answer one question."""
    options = read_prompt(parse("chat", ChatOptions, arguments))
    if not options.prompt.strip():
        raise RequestError('the question is empty; try: sancai chat "what is 27 + 82?" --think')
    if options.out is not None:
        check_clip_path(options.out, force=False)
    from sancai import media

    model = load(options.model, options.device)
    pictures = [media.read_picture(path, model.engine.generation.frame_size) for path in options.image]
    warn_unknown(model, options.prompt)
    from sancai.engine import Request

    sampling = model.engine.generation.sampling.replace(temperature=options.temperature, max_tokens=options.max_tokens)
    request = Request(
        kind="chat", prompt=options.prompt, pictures=pictures, seed=options.seed, draws=options.out is not None,
        think=False if options.direct else options.think or None, sampling=sampling,
    )  # fmt: skip
    _show(model.generate(request), options.out)


def _show(events: Iterable[Any], out: pathlib.Path | None) -> None:
    """Write an answer while it comes: text to standard output, thinking to standard error, a clip to `out`."""
    from sancai.engine import Announcement, Clip, TextDelta, ThinkingDelta

    is_thinking = False
    for event in events:
        if is_thinking and not isinstance(event, ThinkingDelta):
            log("")
            is_thinking = False
        if isinstance(event, TextDelta):
            sys.stdout.write(event.text)
            sys.stdout.flush()
        elif isinstance(event, ThinkingDelta):
            sys.stderr.write(event.text)
            is_thinking = True
        elif isinstance(event, Announcement) and out is None:
            what = "a picture" if event.frames == 1 else "a clip"
            log(f"note: the model would draw {what} here; -o FILE draws it")
        elif isinstance(event, Clip) and out is not None:
            print_result(str(save_clip(event, out, replace=False)))
    print_result("")
