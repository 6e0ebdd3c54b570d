"""`sancai demo`: one answer, one picture and one clip with the shipped model, and where they are."""

import pathlib
import time
from dataclasses import dataclass
from typing import Annotated

import tyro

from sancai.commands.options import parse, print_result, step_bar

QUESTION = "what is 27 + 82?"
PICTURE = "a knight in steel armour with a red cape, facing left"
CLIP = "a skeleton walking right"


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """Write one answer, draw one picture, film one clip."""

    out: Annotated[pathlib.Path, tyro.conf.arg(aliases=["-o"])] = pathlib.Path("demo")
    """Folder for the files."""
    scale: int = 4
    """Enlarge the pictures so that they are easy to see."""


def run(arguments: list[str]) -> None:
    """Make the three and say where they are."""
    options = parse("demo", DemoOptions, arguments)
    started = time.monotonic()
    from sancai import api, media

    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        from sancai.errors import MediaError

        raise MediaError(f"cannot make the folder {options.out} ({error.strerror}); choose another with -o") from error
    model = api.load()
    answer = model.chat(QUESTION, think=True)
    text = f"{QUESTION}\n{answer.thinking}\n{answer.text}\n"
    media.write_file(options.out / "answer.txt", text.encode())
    print_result(f"wrote    {options.out / 'answer.txt'}: {QUESTION} {answer.text}")
    with step_bar("drawing") as on_step:
        picture = model.image(PICTURE, on_step=on_step).upscaled(options.scale)
    print_result(f"drew     {picture.save(options.out / 'knight.png')}: {PICTURE}")
    with step_bar("filming") as on_step:
        clip = model.video(CLIP, on_step=on_step)
    print_result(f"filmed   {clip.upscaled(options.scale).save(options.out / 'skeleton.gif')}: {CLIP}")
    print_result(f"in {time.monotonic() - started:.1f} s")
