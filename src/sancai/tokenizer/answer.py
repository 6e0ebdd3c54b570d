"""What the model writes → thinking, answer and tool calls, piece by piece while it arrives.

The pieces, joined by kind, are the same however the text is cut into parts: whatever could still become
a tag is held back until it is clear.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sancai.errors import AnswerError
from sancai.tokenizer import json_text
from sancai.tokenizer.encoding import V4, Dialect
from sancai.tokenizer.text import END_THINK, EOS

Stage = Literal["thinking", "content", "calls", "done"]


@dataclass(frozen=True)
class Reasoning:
    """More of the thinking."""

    text: str


@dataclass(frozen=True)
class Content:
    """More of the answer."""

    text: str


@dataclass(frozen=True)
class Call:
    """A finished tool call; `arguments` is a JSON object."""

    name: str
    arguments: str


Piece = Reasoning | Content | Call


class AnswerParser:
    """Reads one answer.

    Args:
        dialect: whose tags the model writes.
        thinking: the prompt ended in `<think>`.
        calling: the prompt ended inside an opened block of calls.
    """

    def __init__(self, dialect: Dialect = V4, *, thinking: bool = True, calling: bool = False) -> None:
        self.dialect = dialect
        self.stage: Stage = "calls" if calling else "thinking" if thinking else "content"
        self._rest = ""
        self._error: AnswerError | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the answer could end here: not in the middle of thinking or of a call."""
        return self.stage == "done" or (self.stage == "content" and not self._rest)

    def feed(self, text: str) -> list[Piece]:
        """Return what is certain after some more text.

        Raises:
            AnswerError: calls that cannot be read; what came before them is returned first.
        """
        if self._error is not None:
            raise self._error
        self._rest += text
        pieces: list[Piece] = []
        try:
            pieces.extend(self._read())
        except AnswerError as error:
            self._error = error
            if not pieces:
                raise
        return [piece for piece in pieces if not isinstance(piece, Reasoning | Content) or piece.text]

    def finish(self) -> list[Piece]:
        """Return what was held back when nothing more comes; `is_complete` tells whether it was cut off."""
        if self._error is not None:
            raise self._error
        rest, self._rest = self._rest, ""
        if not rest or self.stage in ("calls", "done"):
            return []
        return [Reasoning(rest) if self.stage == "thinking" else Content(rest)]

    def _read(self) -> Iterator[Piece]:
        """Yield pieces until no stage can go on."""
        stage: Stage | None = None
        while stage != self.stage:
            stage = self.stage
            reader = {"thinking": self._think, "content": self._answer, "calls": self._call, "done": self._end}[stage]
            yield from reader()

    def _think(self) -> Iterator[Piece]:
        match = re.search(f"{END_THINK}|{re.escape(EOS)}", self._rest)
        if match is None:
            yield Reasoning(self._release((END_THINK, EOS)))
            return
        before, self._rest = self._rest[: match.start()], self._rest[match.end() :]
        self.stage = "done" if match[0] == EOS else "content"
        yield Reasoning(before)

    def _answer(self) -> Iterator[Piece]:
        tag = f"<{self.dialect.calls}>"
        match = re.search(f"{re.escape(tag)}|{re.escape(EOS)}", self._rest)
        if match is None:
            yield Content(self._release((f"\n\n{tag}", tag, EOS)))
            return
        before, self._rest = self._rest[: match.start()], self._rest[match.end() :]
        self.stage = "done" if match[0] == EOS else "calls"
        yield Content(before if match[0] == EOS else before.removesuffix("\n\n"))

    def _call(self) -> Iterator[Piece]:
        """Yield finished calls; the end of the block ends the answer."""
        close, end = f"</{self.dialect.invoke}>", f"</{self.dialect.calls}>"
        while True:
            rest = self._rest.lstrip()
            if rest.startswith(end):
                self._rest, self.stage = rest.removeprefix(end), "done"
                return
            one, found, after = rest.partition(close)
            if not found:
                self._expect(rest, end)
                return
            yield self._parse(one)
            self._rest = after

    def _expect(self, rest: str, end: str) -> None:
        """Refuse text that can become neither a call nor the end of the block."""
        opening = f'<{self.dialect.invoke} name="'
        if not any(tag.startswith(rest[: len(tag)]) for tag in (opening, end)):
            raise AnswerError(f"a block of tool calls holds {rest[:40]!r}; expected {opening} or {end}")

    def _parse(self, text: str) -> Call:
        """Return the call written in `text`, up to its closing tag."""
        d = self.dialect
        header = re.match(rf'<{re.escape(d.invoke)} name="(.*?)">', text, re.DOTALL)
        if header is None:
            raise AnswerError(f'a tool call begins with {text[:40]!r}; expected <{d.invoke} name="…">')
        tag = re.escape(d.parameter)
        pattern = re.compile(rf'\s*<{tag} name="(.*?)" string="(true|false)">(.*?)</{tag}>', re.DOTALL)
        values: dict[str, object] = {}
        place = header.end()
        while match := pattern.match(text, place):
            name, place = match[1], match.end()
            if name in values:
                raise AnswerError(f"the call of {header[1]!r} gives {name!r} twice; expected every parameter once")
            values[name] = match[3] if match[2] == "true" else self._value(header[1], name, match[3])
        if text[place:].strip():
            raise AnswerError(
                f"the call of {header[1]!r} holds {text[place:][:40].strip()!r}; expected parameters only"
            )
        return Call(header[1], json.dumps(values, ensure_ascii=False))

    @staticmethod
    def _value(call: str, name: str, text: str) -> object:
        try:
            return json_text.read(text)
        except ValueError as error:
            raise AnswerError(f"{name!r} of the call of {call!r} is {text[:40]!r}; expected JSON ({error})") from error

    def _end(self) -> Iterator[Piece]:
        """Refuse text after the end."""
        rest = self._rest.replace(EOS, "").strip()
        if rest and not EOS.startswith(rest):
            raise AnswerError(f"after the end of the answer comes {rest[:40]!r}; expected nothing")
        yield from ()

    def _release(self, tags: tuple[str, ...]) -> str:
        """Take the text off the buffer that cannot be the beginning of a tag."""
        longest = max(len(tag) for tag in tags)
        start = max(len(self._rest) - longest, 0)
        while start < len(self._rest) and not any(tag.startswith(self._rest[start:]) for tag in tags):
            start += 1
        free, self._rest = self._rest[:start], self._rest[start:]
        return free
