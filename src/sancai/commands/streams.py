"""Standard streams and arguments in any environment: other encodings than UTF-8, closed pipes, full disks."""

import codecs
import contextlib
import os
import sys
from collections.abc import Sequence

from sancai.errors import RequestError
from sancai.files import is_disk_full

FAILURE, OUT_OF_CAPACITY, BROKEN_PIPE = 1, 4, 141
"""Exit codes; a broken pipe is what a shell says of a process that SIGPIPE ended: 128 + 13."""
PLAIN = {
    "…": "...", "×": "x", "·": "*", "→": "->", "←": "<-", "↔": "<->", "−": "-", "–": "-", "—": "-", "≤": "<=",
    "≥": ">=", "²": "^2", "³": "^3", "µ": "u", "’": "'", "“": '"', "”": '"', "─": "-", "├": "|", "└": "`", "│": "|",
}  # fmt: skip
"""What stands for punctuation that an encoding lacks."""
HANDLER, ERRORS = "sancai", ("strict", "surrogateescape", "backslashreplace")
FIRST_ESCAPE, LAST_ESCAPE = "\udc80", "\udcff"
"""Python's stand-ins for bytes of arguments and file names that the encoding of the system could not decode."""


def prepare_streams() -> None:
    """Let standard output take any character, and give closed streams a place to write to."""
    codecs.register_error(HANDLER, _replace)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
        elif getattr(stream, "errors", None) in ERRORS and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=HANDLER)


def flush_output() -> int | None:
    """Write what standard output still holds; return the exit code if it cannot be written.

    A reader that has gone is no error to speak of; a full disk is.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        return output_failure(error)
    except ValueError:  # closed by the command
        pass
    return None


def output_failure(error: OSError) -> int:
    """Forget what standard output still holds and cannot be written, say why, and return the exit code."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
    if isinstance(error, BrokenPipeError):
        return BROKEN_PIPE
    with contextlib.suppress(OSError):
        sys.stderr.write(f"error: cannot write the output ({error.strerror or error}); what was made is kept\n")
    return OUT_OF_CAPACITY if is_disk_full(error) else FAILURE


def check_arguments(arguments: Sequence[str]) -> None:
    """Refuse arguments that are not UTF-8.

    Raises:
        RequestError: names the first.
    """
    for number, argument in enumerate(arguments, 1):
        utf8_text(argument, f"argument {number}")


def utf8_text(text: str, name: str) -> str:
    """Return a text from the system as it was meant, whatever the system's encoding: bytes it kept are UTF-8.

    Raises:
        RequestError: they are not; `name` says what is meant.
    """
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError as error:
        shown = text.encode("utf-8", "backslashreplace").decode("ascii", "backslashreplace")[:60]
        raise RequestError(f"{name} is not UTF-8 ('{shown}'); write it in UTF-8") from error


def file_name(text: str) -> str:
    """Return a text as a file name that is UTF-8 on the disk, whatever the system's encoding."""
    return os.fsdecode(text.encode("utf-8"))


def _replace(error: UnicodeError) -> tuple[str | bytes, int]:
    """Return what stands for characters that the encoding of a stream lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    if all(FIRST_ESCAPE <= character <= LAST_ESCAPE for character in lacking):
        return lacking.encode("ascii", "surrogateescape"), error.end
    plain = (PLAIN.get(c) or c.encode("ascii", "backslashreplace").decode("ascii") for c in lacking)
    return "".join(plain), error.end
