"""Streaming parser of the model's output: thinking, answer and tool calls.

The result does not depend on how the text is split into parts: whatever could still become a tag is buffered until it
is decided.
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
"""Placeholder for `｜DSML｜` when parsing tokens: half a surrogate pair, which decoded text never contains."""
Stage = Literal["thinking", "content", "calls", "done"]


@dataclass(frozen=True)
class ThinkingDelta:
    """The next part of the thinking."""

    text: str


@dataclass(frozen=True)
class TextDelta:
    """The next part of the answer."""

    text: str


@dataclass(frozen=True)
class Call:
    """A complete tool call; `arguments` is a JSON object."""

    name: str
    arguments: str


Delta = ThinkingDelta | TextDelta | Call


class AnswerParser:
    """Parses one answer.

    Args:
        dialect: prompt format of the model, which defines the tags.
        thinking: the prompt ended in `<think>`.
        calling: the prompt ended within an opened block of tool calls.
        reads_calls: tools were offered; otherwise their tags are plain text.
        is_spelled: control tokens are written out in the text.  Callers that have token ids pass them as `Control`
            instead, so that text about `</think>` or `｜DSML｜` stays text.
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
        """Return a parser for the answer to a conversation, starting at the end of its prompt."""
        controls = [p.name for p in render_pieces(conversation, dialect) if isinstance(p, Control) and p.name != DSML]
        has_tools = conversation.has_tools
        return AnswerParser(
            dialect, thinking=controls[-1] == THINK, calling=has_tools and conversation.tool_choice == "required",
            reads_calls=has_tools, is_spelled=is_spelled,
        )  # fmt: skip

    @property
    def is_complete(self) -> bool:
        """Whether the answer may end here: not within thinking or a tool call."""
        return self.stage == "done" or (self.stage == "content" and not self._rest)

    def feed(self, text: str | Control) -> list[Delta]:
        """Parse more text, or a control token; return what is decided.

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
        """Return the rest of the buffer at the end of the output; `is_complete` says whether it was cut off."""
        if self._error is not None:
            raise self._error
        rest, self._rest = self._rest, ""
        if not rest or self.stage in ("calls", "done"):
            return []
        return [ThinkingDelta(_shown(rest)) if self.stage == "thinking" else TextDelta(_shown(rest))]

    def _close(self, name: str) -> list[Delta]:
        """Process a control token that ends the thinking or the answer; ignore an end of thinking elsewhere."""
        if name == END_THINK and self.stage != "thinking":
            return []
        pieces = self.finish()
        if self.stage != "calls":
            self.stage = "content" if name == END_THINK else "done"
        return pieces

    def _read(self) -> Iterator[Delta]:
        """Yield parts until more input is needed."""
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
        """Remove the text up to and including the first of `ends` from the buffer; else what cannot start a tag."""
        match = re.search("|".join(map(re.escape, ends)), self._rest) if ends else None
        if match is None:
            return self._release(tags), ""
        before, self._rest = self._rest[: match.start()], self._rest[match.end() :]
        return before, match[0]

    def _call(self) -> Iterator[Delta]:
        """Yield complete calls; the end of the block ends the answer."""
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
        """Raise AnswerError for text that can become neither a call nor the end of the block."""
        opening = f'<{self._invoke} name="'
        if not any(tag.startswith(rest[: len(tag)]) for tag in (opening, end)):
            raise AnswerError(_shown(f"a block of tool calls holds {_start(rest)}; expected {opening} or {end}"))

    def _parse(self, text: str) -> Call:
        """Parse the call in `text`, which ends before its closing tag."""
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
        """Raise AnswerError for text after the end."""
        rest = self._rest.replace(EOS, "").strip()
        if rest and not EOS.startswith(rest):
            raise AnswerError(f"after the end of the answer comes {_start(rest)}; expected nothing")
        yield from ()

    def _release(self, tags: tuple[str, ...]) -> str:
        """Remove the text from the buffer that cannot start a tag."""
        longest = max((len(tag) for tag in tags), default=0)
        start = max(len(self._rest) - longest, 0)
        while start < len(self._rest) and not any(tag.startswith(self._rest[start:]) for tag in tags):
            start += 1
        free, self._rest = self._rest[:start], self._rest[start:]
        return free


def _shown(text: str) -> str:
    """Return the text with the placeholder replaced by `｜DSML｜`."""
    return text.replace(HALF, DSML)


def _start(text: str) -> str:
    """Return the beginning of a text, for error messages."""
    return repr(_shown(text.strip()[:40]))
