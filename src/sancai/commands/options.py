"""What the drawing commands share: options, progress, output."""

import contextlib
import dataclasses
import pathlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import tyro

from sancai.commands.streams import file_name, utf8_text
from sancai.errors import MediaError, RequestError

MOST_NAMED = 12
CLIP_FORMATS = (".gif", ".webp", ".apng", ".png", ".mp4")


@dataclass(frozen=True, kw_only=True)
class DrawOptions:
    """Options of `image` and `video`."""

    seed: int = 0
    """Same seed, same pixels."""
    steps: int | None = None
    """Denoising steps: more is slower and cleaner; by default what the model says."""
    guidance: float | None = None
    """How strongly the prompt is followed, 0 to 20; 1 is not at all extra and twice as fast."""
    sampler: Literal["euler", "heun", "multistep", "sde"] | None = None
    """How denoising steps are taken; by default what the model says."""
    look: str | None = None
    """Draw from this look, a text or a file of it, instead of letting the model plan one (models that plan)."""
    think: bool = False
    """Print the look that the model plans to standard error."""
    scale: int = 1
    """Enlarge without blurring, 1 to 32."""
    palette: str | None = None
    """`look` snaps to the colours of the picture's own look (default of models that plan), `known` to those of the
    training art, a number to so many colours; `none` changes nothing."""
    model: Annotated[str, tyro.conf.arg(aliases=["-m"])] = "tiny"
    """`tiny` or a model folder."""
    device: str = "auto"
    """`auto`, `cpu`, a chip of docs/chips.md or a device type."""
    force: bool = False
    """Replace existing files."""


def parse(command: str, kind: Callable[..., Any], arguments: list[str]) -> Any:
    """Return the parsed options of a command; usage errors exit with code 2."""
    return tyro.cli(kind, prog=f"sancai {command}", args=arguments)


def log(line: str) -> None:
    """Say something to the person; standard output stays for results."""
    sys.stderr.write(line + "\n")


def print_result(line: str) -> None:
    """Print a result."""
    sys.stdout.write(line + "\n")


@contextlib.contextmanager
def step_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show denoising steps with time left, on a terminal only."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=None)
        yield lambda step, steps: bar.update(task, completed=step, total=steps)


@contextlib.contextmanager
def byte_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show bytes done of bytes in all, with rate and time left, from the first that are told; on a terminal only."""
    from rich.console import Console
    from rich.progress import DownloadColumn, Progress, TransferSpeedColumn

    console = Console(stderr=True)
    columns = (*Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=None, visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)


def load(name: str, device: str) -> Any:
    """Open a model, with a bar of what is read where it takes long."""
    from sancai import api

    with byte_bar("loading") as on_load:
        return api.load(name, device=device, on_load=on_load)


def warn_unknown(model: Any, prompt: str) -> None:
    """Name the words that the model has never seen."""
    unknown = model.unknown_words(prompt)
    if unknown:
        more = f" and {len(unknown) - MOST_NAMED} more" if len(unknown) > MOST_NAMED else ""
        log(f"note: the model has never seen {', '.join(unknown[:MOST_NAMED])}{more}; it will guess")


def read_prompt(options: Any) -> Any:
    """Return options whose prompt, if it is `-` or was left out, comes from standard input.

    A command that was given a look needs no prompt.

    Raises:
        RequestError: there is neither.
    """
    if options.prompt != "-":
        return dataclasses.replace(options, prompt=utf8_text(options.prompt, "the prompt"))
    if getattr(options, "look", None) is not None:
        return dataclasses.replace(options, prompt="")
    prompt = _standard_input().strip()
    if not prompt:
        raise RequestError("the prompt is empty; write it after the command or pipe it in")
    return dataclasses.replace(options, prompt=prompt)


def _standard_input() -> str:
    """Return all of standard input; nothing where it is closed."""
    if sys.stdin is None:
        return ""
    if sys.stdin.isatty():
        log("reading the prompt from the terminal; end it with Ctrl-D")
    try:
        return utf8_text(sys.stdin.read(), "standard input")
    except UnicodeDecodeError as error:
        raise RequestError(f"standard input is not {error.encoding} ({error.reason}); pipe text in") from error


def read_look(value: str | None) -> str | None:
    """Return the text of `--look`, which may name a file.

    Raises:
        RequestError: the file cannot be read as text.
    """
    if value is None:
        return None
    try:
        path = pathlib.Path(value)
        return path.read_text(encoding="utf-8") if path.is_file() else utf8_text(value, "--look")
    except UnicodeDecodeError as error:
        raise RequestError(
            f"--look {value} is not a text file; give a look such as `elf woman; green tunic`"
        ) from error
    except OSError:  # longer than a file name can be
        return utf8_text(value, "--look")


def check_output(options: DrawOptions) -> str | int | None:
    """Return the palette, refusing one or a scale that cannot work before anything is drawn."""
    if not 1 <= options.scale <= 32:
        raise RequestError(f"scale is {options.scale}; choose 1 to 32")
    palette = options.palette
    if palette in (None, "look", "known", "none"):
        return palette
    if not (palette.isascii() and palette.isdigit()) or not 2 <= int(palette) <= 255:
        raise RequestError(f"--palette is {palette!r}; use look, known, none or a number of colours from 2 to 255")
    return int(palette)


def check_clip_path(path: pathlib.Path, force: bool) -> None:
    """Refuse a file that a clip cannot be written to, by its suffix or place."""
    from sancai.media import check_writable

    if path.suffix.lower() not in CLIP_FORMATS:
        raise MediaError(f"cannot write {path.name}; use one of {', '.join(CLIP_FORMATS)}")
    check_writable(path, force)


def show_look(clip: Any, options: DrawOptions) -> None:
    """Print what the model says about a clip, and the look that it was drawn from if that was asked for."""
    if options.think and clip.look:
        log(clip.look)
    if "answer" in clip.metadata:
        log(f"note: {clip.metadata['answer']}")


def save_clip(clip: Any, path: pathlib.Path, *, replace: bool, **settings: float) -> pathlib.Path:
    """Write a clip and return its path, which is another if the file appeared since it was looked for.

    replace: whether the user named the file and lets it be replaced.
    """
    saved: pathlib.Path = clip.save(path, **settings) if replace else clip.save_unused(path, **settings)
    if saved != path:
        log(f"note: {path} was written by somebody else meanwhile; this is in {saved}")
    return saved


def unused_path(stem: str, suffix: str, count: int = 1) -> pathlib.Path:
    """Return a file name here that is not taken, nor are the `numbered` names of so many files."""
    stem = file_name(stem)
    path, number = pathlib.Path(stem + suffix), 1
    while any(p.exists() for p in numbered(path, count)):
        number += 1
        path = pathlib.Path(f"{stem}-{number}{suffix}")
    return path


def numbered(path: pathlib.Path, count: int) -> list[pathlib.Path]:
    """Return the names of `count` files: the path itself for one, `knight-1.png`, `knight-2.png` … for more."""
    return [path] if count == 1 else [path.with_stem(f"{path.stem}-{n + 1}") for n in range(count)]


def slug(prompt: str) -> str:
    """Return a short file name for a prompt."""
    words = "".join(c if c.isalnum() else " " for c in prompt.lower()).split()
    return "-".join(words[:6])[:50].strip("-") or "sancai"
