"""Control tokens, which structure a prompt and can never result from text.

A prompt is a list of pieces: control tokens, and runs of text between them.  Text that spells a control token stays
text, because only a `Control` is looked up in the vocabulary by its name (no prompt injection of control tokens).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

BOS = "<｜begin▁of▁sentence｜>"
EOS = "<｜end▁of▁sentence｜>"
PAD = "<｜▁pad▁｜>"
USER = "<｜User｜>"
ASSISTANT = "<｜Assistant｜>"
SYSTEM = "<｜System｜>"
REMINDER = "<｜latest_reminder｜>"
THINK, END_THINK = "<think>", "</think>"
DSML = "｜DSML｜"
EXTRACTED_URL = "<｜extracted_url｜>"
FIM_BEGIN, FIM_HOLE, FIM_END = "<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"
VISUAL, END_VISUAL = "<｜visual｜>", "<｜end▁of▁visual｜>"
"""`<｜visual｜>` followed by a number of frames announces a block."""


@dataclass(frozen=True)
class Control:
    """One control token, by its name in the vocabulary."""

    name: str


Piece = Control | str


def spell(pieces: Iterable[Piece]) -> str:
    """Return pieces as one string, control tokens written out."""
    return "".join(piece.name if isinstance(piece, Control) else piece for piece in pieces)


def merge(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Yield the pieces with adjacent text merged, because the pre-tokeniser must see complete runs."""
    run = ""
    for piece in pieces:
        if isinstance(piece, Control):
            if run:
                yield run
            yield piece
            run = ""
        else:
            run += piece
    if run:
        yield run


def mark(template: str, *names: str) -> list[Piece]:
    """Split a trusted text that contains spelled control tokens into pieces; never call it on user text."""
    parts = re.split("(" + "|".join(map(re.escape, names)) + ")", template)
    return [Control(part) if part in names else part for part in parts if part]
