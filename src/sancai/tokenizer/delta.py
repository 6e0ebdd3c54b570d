"""Pieces of an answer, as they are read."""

from dataclasses import dataclass

from sancai.tokenizer.conversation import ToolCall


@dataclass(frozen=True)
class ThinkingDelta:
    """More of the thinking before the answer."""

    text: str


@dataclass(frozen=True)
class TextDelta:
    """More of the answer."""

    text: str


@dataclass(frozen=True)
class CallDelta:
    """More of a tool call while it is written; the first of a call has no arguments yet.

    The `arguments` of a call's deltas, joined, are those of the `ToolCall` that follows.  Until it does, they may turn
    out to be no JSON; then a `Malformed` with the same id follows instead.
    """

    id: str
    name: str
    arguments: str = ""


@dataclass(frozen=True)
class Malformed:
    """A part of the answer that is no readable tool call; what is around it is read.

    text: what the model wrote.
    number: which call of the answer it is, from 1; 0 if it is none.
    name: of the function, if it could be read.
    """

    problem: str
    text: str
    number: int = 0
    name: str = ""
    id: str = ""


Delta = ThinkingDelta | TextDelta | CallDelta | ToolCall | Malformed
