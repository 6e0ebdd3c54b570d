"""Every error that Sancai raises for a user.

    SancaiError
    ├── ConfigError      (ValueError)    a setting cannot work
    ├── CheckpointError                  weights or run folders that do not fit
    ├── DeviceError                      a device that cannot be used
    ├── RequestError     (ValueError)    a prompt or option that cannot be served
    │   └── DeclinedError                the model will not draw what was asked
    ├── AnswerError      (ValueError)    tool calls of the model that cannot be read
    ├── MediaError                       a picture or clip that cannot be read or written
    ├── DataError                        a data pack that is missing or damaged
    └── CapacityError    (RuntimeError)  not enough room for what was asked

A message says what is wrong, what was expected, what came instead and what to do.
"""

from typing import Any

OUT_OF_MEMORY = ("not enough memory", "cannot allocate memory", "os error 12", "out of memory")
"""Parts of the messages of torch's allocators, of the system, and of libraries written in Rust."""


def first_line(error: BaseException, otherwise: str = "no message") -> str:
    """Return the first line of an error's message, cut at 200 letters; `otherwise` where it has none."""
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else otherwise


def is_out_of_memory(error: BaseException | None) -> bool:
    """Return whether an error, or one of its causes, says that memory of the host or a device is used up."""
    while error is not None:
        if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
            return True
        if any(sign in str(error).lower() for sign in OUT_OF_MEMORY):
            return True
        error = error.__cause__ or error.__context__
    return False


class SancaiError(Exception):
    """Root of all errors meant for users: shown without a traceback by the command line."""


class ConfigError(SancaiError, ValueError):
    """A configuration that cannot work."""


class CheckpointError(SancaiError):
    """Weights, tokenizer or run folder missing, damaged or of another shape."""


class DeviceError(SancaiError):
    """A device that is not here or cannot compute."""


class RequestError(SancaiError, ValueError):
    """A request that cannot be served as asked."""


class DeclinedError(RequestError):
    """The model declines to draw what was asked; the message is what it answers instead."""


class AnswerError(SancaiError, ValueError):
    """Tool calls that the model wrote and that cannot be read; `answer` holds all that could be."""

    def __init__(self, message: str, answer: Any = None) -> None:
        super().__init__(message)
        self.answer = answer


class MediaError(SancaiError):
    """A picture or clip that cannot be read or written."""


class DataError(SancaiError):
    """A data pack or data set that is missing or damaged."""


class CapacityError(SancaiError, RuntimeError):
    """Not enough memory, context or disk for what was asked."""
