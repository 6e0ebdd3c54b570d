"""What the drawing commands share: options, progress, output."""

import contextlib
import pathlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from sancai.errors import RequestError

DEFAULT_STEPS, DEFAULT_GUIDANCE = 12, 4.0  # as FlowSettings, without importing torch for --help
MOST_NAMED = 12


@dataclass(frozen=True, kw_only=True)
class DrawOptions:
    """Options of `image` and `video`."""

    seed: int = 0
    """Same seed, same pixels."""
    steps: int = DEFAULT_STEPS
    """Denoising steps: more is slower and cleaner."""
    guidance: float = DEFAULT_GUIDANCE
    """How strongly the prompt is followed; 1 is not at all extra and twice as fast."""
    scale: int = 1
    """Enlarge without blurring, 1 to 32."""
    palette: str | None = None
    """`known` snaps to the colours of the training art, a number to so many colours."""
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


def validate_output_options(options: DrawOptions) -> None:
    """Refuse a palette or scale that cannot work before anything is drawn."""
    if not 1 <= options.scale <= 32:
        raise RequestError(f"scale is {options.scale}; choose 1 to 32")
    palette = options.palette
    if palette is None or palette == "known":
        return
    if not (palette.isascii() and palette.isdigit()) or not 2 <= int(palette) <= 255:
        raise RequestError(f"--palette is {palette!r}; use `known` or a number of colours from 2 to 255")


def finish(film: Any, options: DrawOptions, model: Any) -> Any:
    """Apply palette and scale."""
    if options.palette == "known":
        film = film.with_colors(model.known_colors())
    elif options.palette is not None:
        film = film.with_colors(int(options.palette))
    return film.enlarged(options.scale)


def unused_path(stem: str, suffix: str, count: int = 1) -> pathlib.Path:
    """Return a file name here that is not taken, nor are the `numbered` names of so many files."""
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
