"""`sancai chat`: ask in words, also about a picture."""

import pathlib
import sys
from dataclasses import dataclass
from typing import Annotated

import tyro

from sancai.commands.options import load, log, parse, print_result, unused_path, warn_unknown
from sancai.errors import RequestError


@dataclass(frozen=True, kw_only=True)
class ChatOptions:
    """Ask the model; it answers on standard output."""

    prompt: tyro.conf.Positional[str] = "-"
    """The question; `-` reads it from standard input."""
    image: tyro.conf.UseAppendAction[Annotated[tuple[pathlib.Path, ...], tyro.conf.arg(aliases=["-i"])]] = ()
    """Sprites that the question is about."""
    think: bool = False
    """Work the answer out first (sums); the thinking goes to standard error."""
    seed: int = 0
    """For temperatures above 0."""
    temperature: float = 0.0
    """0 always gives the likeliest answer."""
    max_tokens: int = 128
    """Longest answer."""
    model: Annotated[str, tyro.conf.arg(aliases=["-m"])] = "tiny"
    """`tiny` or a model folder."""
    device: str = "auto"
    """`auto`, `cpu`, a chip of docs/chips.md or a device type."""


def run(arguments: list[str]) -> None:
    """Answer one question."""
    options = parse("chat", ChatOptions, arguments)
    prompt = sys.stdin.read().strip() if options.prompt == "-" else options.prompt
    if not prompt:
        raise RequestError('the question is empty; try: sancai chat "what is 27 + 82?" --think')
    from sancai import api, media
    from sancai.engine import Clip, Request, TextDelta, ThinkingDelta

    pictures = [media.read_picture(path) for path in options.image]
    model = load(options.model, options.device)
    warn_unknown(model, prompt)
    request = Request(
        kind="chat", prompt=model.as_taught(prompt), pictures=pictures, seed=options.seed, think=options.think,
        max_tokens=options.max_tokens, temperature=options.temperature,
    )  # fmt: skip
    is_thinking = False
    for event in model.generate(request):
        if is_thinking and not isinstance(event, ThinkingDelta):
            log("")
            is_thinking = False
        if isinstance(event, TextDelta):
            sys.stdout.write(event.text)
            sys.stdout.flush()
        elif isinstance(event, ThinkingDelta):
            sys.stderr.write(event.text)
            is_thinking = True
        elif isinstance(event, Clip):
            film = api.Film(event.frames, {"prompt": prompt})
            log("")
            print_result(str(film.save(unused_path("drawn", ".png" if len(event.frames) == 1 else ".gif"))))
    print_result("")
