"""The `sancai` command: dispatches to a subcommand, imports only what it needs, and formats errors."""

import importlib
import sys
import traceback

from sancai.commands.streams import check_arguments, flush_output, output_failure, prepare_streams
from sancai.errors import CapacityError, DeclinedError, SancaiError, first_line, is_out_of_memory
from sancai.files import is_disk_full

COMMANDS = {
    "character": "make a whole game character: every animation, name and stats",
    "image": "draw a game character from words",
    "video": "film a character from words, or bring a sprite to life",
    "chat": "ask in words, also about a picture",
    "demo": "one answer, one picture and one clip with the shipped model",
    "train": "train a model from a recipe",
    "eval": "score a model by exact programs",
    "convert": "write a model in DeepSeek's own layout: bf16, fp8 or fp4",
    "data": "prepare the character pack, look at samples",
    "doctor": "diagnose this machine, size a model",
}
BACKEND = "Failed to load the backend extension"
"""Torch's message when a backend package that it loads automatically fails."""
MORE_MEMORY = "close other programs, or take a smaller model, a smaller batch or another --device"
OK, FAILURE, USAGE, DECLINED, OUT_OF_CAPACITY, INTERRUPTED = 0, 1, 2, 3, 4, 130


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit code.

    0 ok, 1 failure, 2 usage, 3 declined by the model, 4 out of memory or disk, 130 interrupted, 141 nobody reads the
    output.
    """
    prepare_streams()
    try:
        code = _main(list(sys.argv[1:] if arguments is None else arguments))
    except OSError as error:  # of standard output: a command's own are caught below
        return output_failure(error)
    except SystemExit:
        broken = flush_output()
        if broken is not None:
            return broken
        raise
    broken = flush_output()
    return code if broken is None else broken


def _main(arguments: list[str]) -> int:
    """Run what the arguments say."""
    try:
        check_arguments(arguments)
    except SancaiError as error:
        sys.stderr.write(f"error: {error}\n")
        return USAGE
    debug = "--debug" in arguments
    if debug:
        import logging

        logging.basicConfig(level=logging.INFO)
        arguments.remove("--debug")
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        sys.stdout.write(help_text())
        return OK
    if arguments[0] in ("--version", "version"):
        from sancai import __version__

        sys.stdout.write(f"sancai {__version__}\n")
        return OK
    return _run(arguments[0], arguments[1:], debug)


def help_text() -> str:
    """Return the overview of all commands."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {what}" for name, what in COMMANDS.items()]
    return (
        "sancai: one open model that writes, draws and films\n\n"
        "usage: sancai COMMAND [options]   (sancai COMMAND --help lists a command's options)\n\n"
        + "\n".join(lines)
        + '\n\nfor example:\n  sancai image "a knight in steel armour with a red cape, facing left" -o knight.png\n'
        '  sancai video "a skeleton with a spear walking right" -o walk.gif\n'
        '  sancai chat "what is 27 + 82?" --think\n\n'
        "--debug after any command shows the log and the traceback of an error\n"
    )


def _run(name: str, arguments: list[str], debug: bool) -> int:
    """Run the command `name`."""
    if name not in COMMANDS:
        sys.stderr.write(f"error: no command {name!r}; expected one of {', '.join(COMMANDS)}\n")
        return USAGE
    try:
        module = importlib.import_module(f"sancai.commands.{name}")
        return int(module.run(arguments) or OK)
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:
        if debug:
            traceback.print_exc()
        message, code = _failure(error)
        sys.stderr.write(message)
        return code


def _failure(error: Exception) -> tuple[str, int]:
    """Return what to say about an error, and the exit code."""
    if isinstance(error, DeclinedError):
        return f"nothing was drawn; the model answers: {error}\n", DECLINED
    if isinstance(error, SancaiError):
        return f"error: {error}\n", OUT_OF_CAPACITY if isinstance(error, CapacityError) else FAILURE
    if is_disk_full(error):
        return f"error: the disk is full ({error}); free some space and run the same command again\n", OUT_OF_CAPACITY
    if is_out_of_memory(error):
        return f"error: out of memory ({first_line(error)}); {MORE_MEMORY}\n", OUT_OF_CAPACITY
    if BACKEND in str(error):
        return f"error: {error}\na vendor's package keeps torch from loading: run `sancai doctor`\n", FAILURE
    kind = type(error).__name__
    return f"error: {kind}: {error}\nthis is a bug in sancai; run again with --debug and report it\n", FAILURE
