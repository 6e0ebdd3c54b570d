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
from sancai.tokenizer.control import DSML, END_THINK, EOS, THINK, Control
from sancai.tokenizer.conversation import Conversation
from sancai.tokenizer.dialect import V4, Dialect
from sancai.tokenizer.encoding import render_pieces

HALF = "\ud800"
"""Stands for `｜DSML｜` while an answer is read by its tokens: half a surrogate pair, which no decoded text holds."""
Stage = Literal["thinking", "content", "calls", "done"]


@dataclass(frozen=True)
class ThinkingDelta:
    """More of the thinking before the answer."""

    text: str


@dataclass(frozen=True)
class TextDelta:
    """More of the answer."""

    text: str


@dataclass(frozen=True)
class Call:
    """A finished tool call; `arguments` is a JSON object."""

    name: str
    arguments: str


Delta = ThinkingDelta | TextDelta | Call


class AnswerParser:
    """Reads one answer.

    Args:
        dialect: whose tags the model writes.
        thinking: the prompt ended in `<think>`.
        calling: the prompt ended inside an opened block of calls.
        reads_calls: the model was offered tools; else what looks like their tags is text.
        is_spelled: control tokens come written out in the text.  Who has the model's ids feeds them as `Control`
            instead, so that words about `</think>` or `｜DSML｜` are words and neither end nor call anything.
    """

    def __init__(
        self, dialect: Dialect = V4, *, thinking: bool = True, calling: bool = False, reads_calls: bool = True,
        is_spelled: bool = True,
    ) -> None:  # fmt: skip
        self.reads_calls, self.is_spelled = reads_calls, is_spelled
        self._dsml = DSML if is_spelled else HALF
        self._calls, self._invoke, self._parameter = (
            name.replace(DSML, self._dsml) for name in (dialect.calls, dialect.invoke, dialect.parameter)
        )
        self.stage: Stage = "calls" if calling else "thinking" if thinking else "content"
        self._rest = ""
        self._error: AnswerError | None = None

    @staticmethod
    def after(conversation: Conversation, dialect: Dialect = V4, *, is_spelled: bool = True) -> "AnswerParser":
        """Return the parser of the answer to a conversation, which begins where its prompt ends."""
        controls = [p.name for p in render_pieces(conversation, dialect) if isinstance(p, Control) and p.name != DSML]
        has_tools = conversation.has_tools
        return AnswerParser(
            dialect, thinking=controls[-1] == THINK, calling=has_tools and conversation.tool_choice == "required",
            reads_calls=has_tools, is_spelled=is_spelled,
        )  # fmt: skip

    @property
    def is_complete(self) -> bool:
        """Whether the answer could end here: not in the middle of thinking or of a call."""
        return self.stage == "done" or (self.stage == "content" and not self._rest)

    def feed(self, text: str | Control) -> list[Delta]:
        """Return what is certain after some more text, or after a control token.

        Raises:
            AnswerError: calls that cannot be read; what came before them is returned first.
        """
        if self._error is not None:
            raise self._error
        if isinstance(text, Control) and text.name in (END_THINK, EOS):
            return self._close(text.name)
        self._rest += text if isinstance(text, str) else self._dsml if text.name == DSML else ""
        pieces: list[Delta] = []
        try:
            pieces.extend(self._read())
        except AnswerError as error:
            self._error = error
            if not pieces:
                raise
        return [piece for piece in pieces if isinstance(piece, Call) or piece.text]

    def finish(self) -> list[Delta]:
        """Return what was held back when nothing more comes; `is_complete` tells whether it was cut off."""
        if self._error is not None:
            raise self._error
        rest, self._rest = self._rest, ""
        if not rest or self.stage in ("calls", "done"):
            return []
        return [ThinkingDelta(_shown(rest)) if self.stage == "thinking" else TextDelta(_shown(rest))]

    def _close(self, name: str) -> list[Delta]:
        """Take in that the thinking or the whole answer is over; an end of thinking elsewhere says nothing."""
        if name == END_THINK and self.stage != "thinking":
            return []
        pieces = self.finish()
        if self.stage != "calls":
            self.stage = "content" if name == END_THINK else "done"
        return pieces

    def _read(self) -> Iterator[Delta]:
        """Yield pieces until no stage can go on."""
        stage: Stage | None = None
        while stage != self.stage:
            stage = self.stage
            reader = {"thinking": self._think, "content": self._answer, "calls": self._call, "done": self._end}[stage]
            yield from reader()

    def _think(self) -> Iterator[Delta]:
        ends = (END_THINK, EOS) if self.is_spelled else ()
        before, found = self._until(ends, ends)
        if found:
            self.stage = "done" if found == EOS else "content"
        yield ThinkingDelta(_shown(before))

    def _answer(self) -> Iterator[Delta]:
        tag = f"<{self._calls}>"
        ends = (*((tag,) if self.reads_calls else ()), *((EOS,) if self.is_spelled else ()))
        before, found = self._until(ends, (f"\n\n{tag}", *ends) if self.reads_calls else ends)
        if found:
            self.stage = "done" if found == EOS else "calls"
        yield TextDelta(_shown(before.removesuffix("\n\n") if found == tag else before))

    def _until(self, ends: tuple[str, ...], tags: tuple[str, ...]) -> tuple[str, str]:
        """Take the text before the first of `ends` and that end off the buffer; without one, what begins no tag."""
        match = re.search("|".join(map(re.escape, ends)), self._rest) if ends else None
        if match is None:
            return self._release(tags), ""
        before, self._rest = self._rest[: match.start()], self._rest[match.end() :]
        return before, match[0]

    def _call(self) -> Iterator[Delta]:
        """Yield finished calls; the end of the block ends the answer."""
        close, end = f"</{self._invoke}>", f"</{self._calls}>"
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
        opening = f'<{self._invoke} name="'
        if not any(tag.startswith(rest[: len(tag)]) for tag in (opening, end)):
            raise AnswerError(_shown(f"a block of tool calls holds {_start(rest)}; expected {opening} or {end}"))

    def _parse(self, text: str) -> Call:
        """Return the call written in `text`, up to its closing tag."""
        header = re.match(rf'<{re.escape(self._invoke)} name="(.*?)">', text, re.DOTALL)
        if header is None:
            raise AnswerError(f'a tool call begins with {_start(text)}; expected <{_shown(self._invoke)} name="…">')
        called, tag = _shown(header[1]), re.escape(self._parameter)
        pattern = re.compile(rf'\s*<{tag} name="(.*?)" string="(true|false)">(.*?)</{tag}>', re.DOTALL)
        values: dict[str, object] = {}
        place = header.end()
        while match := pattern.match(text, place):
            name, value, place = _shown(match[1]), _shown(match[3]), match.end()
            if name in values:
                raise AnswerError(f"the call of {called!r} gives {name!r} twice; expected every parameter once")
            values[name] = value if match[2] == "true" else self._value(called, name, value)
        if text[place:].strip():
            raise AnswerError(f"the call of {called!r} holds {_start(text[place:])}; expected parameters only")
        return Call(called, json.dumps(values, ensure_ascii=False))

    @staticmethod
    def _value(call: str, name: str, text: str) -> object:
        try:
            return json_text.read(text)
        except ValueError as error:
            raise AnswerError(f"{name!r} of the call of {call!r} is {_start(text)}; expected JSON ({error})") from error

    def _end(self) -> Iterator[Delta]:
        """Refuse text after the end."""
        rest = self._rest.replace(EOS, "").strip()
        if rest and not EOS.startswith(rest):
            raise AnswerError(f"after the end of the answer comes {_start(rest)}; expected nothing")
        yield from ()

    def _release(self, tags: tuple[str, ...]) -> str:
        """Take the text off the buffer that cannot be the beginning of a tag."""
        longest = max((len(tag) for tag in tags), default=0)
        start = max(len(self._rest) - longest, 0)
        while start < len(self._rest) and not any(tag.startswith(self._rest[start:]) for tag in tags):
            start += 1
        free, self._rest = self._rest[:start], self._rest[start:]
        return free


def _shown(text: str) -> str:
    """Return text with `｜DSML｜` written out."""
    return text.replace(HALF, DSML)


def _start(text: str) -> str:
    """Return how a text begins, for messages."""
    return repr(_shown(text.strip()[:40]))
