"""What the model writes → thinking, answer and tool calls, piece by piece while it arrives.

The pieces, joined by kind, are the same however the text is cut into parts: whatever could still become
a tag is held back until it is clear.  Nothing is lost: what is no readable call is told as `Malformed`, and
reading goes on after it.  The work is linear in the length of the answer.
"""

import re
from collections.abc import Iterator
from typing import Literal

from sancai.tokenizer.buffer import Buffer, any_of
from sancai.tokenizer.calls import HALF, CallReader, shown
from sancai.tokenizer.control import DSML, END_THINK, EOS, THINK, Control
from sancai.tokenizer.conversation import Conversation
from sancai.tokenizer.delta import Delta, Malformed, TextDelta, ThinkingDelta
from sancai.tokenizer.dialect import V4, Dialect
from sancai.tokenizer.encoding import render_pieces

Stage = Literal["thinking", "content", "calls", "done"]
STRAY = 64
"""Letters that a misspelt tag may have."""


class AnswerParser:
    """Reads one answer.

    Args:
        dialect: whose tags the model writes.
        thinking: the prompt ended in `<think>`.
        calling: the prompt ended inside an opened block of calls.
        reads_calls: the model was offered tools; else what looks like their tags is text.
        is_spelled: control tokens come written out in the text.  Who has the model's ids feeds them as `Control`
            instead, so that words about `</think>` or `｜DSML｜` are words and neither end nor call anything.
        first_call: number of the answer's first call in its conversation; ids count from it.
    """

    def __init__(
        self, dialect: Dialect = V4, *, thinking: bool = True, calling: bool = False, reads_calls: bool = True,
        is_spelled: bool = True, first_call: int = 1,
    ) -> None:  # fmt: skip
        self.reads_calls, self.is_spelled = reads_calls, is_spelled
        self.buffer = Buffer()
        self._dsml = DSML if is_spelled else HALF
        self._calls = CallReader(dialect, self._dsml, first_call)
        self.stage: Stage = "calls" if calling else "thinking" if thinking else "content"
        self._before_calls: Stage = "content" if calling else self.stage
        self._follows_calls, self._space = False, ""
        self._stray, self._is_reported = "", False
        if calling:
            self._calls.begin()

    @staticmethod
    def after(conversation: Conversation, dialect: Dialect = V4, *, is_spelled: bool = True) -> "AnswerParser":
        """Return the parser of the answer to a conversation, which begins where its prompt ends."""
        controls = [p.name for p in render_pieces(conversation, dialect) if isinstance(p, Control) and p.name != DSML]
        has_tools = conversation.has_tools
        return AnswerParser(
            dialect, thinking=controls[-1] == THINK, calling=has_tools and conversation.tool_choice == "required",
            reads_calls=has_tools, is_spelled=is_spelled,
            first_call=1 + sum(len(message.calls) for message in conversation.messages),
        )  # fmt: skip

    @property
    def is_complete(self) -> bool:
        """Whether the answer could end here: not in the middle of thinking or of a call."""
        return self.stage == "done" or (self.stage == "content" and not self.buffer.rest.strip())

    def feed(self, text: str | Control) -> list[Delta]:
        """Return what is certain after some more text, or after a control token."""
        if isinstance(text, Control) and text.name in (END_THINK, EOS):
            return self._close(text.name)
        self.buffer.add(text if isinstance(text, str) else self._dsml if text.name == DSML else "")
        return _filled(self._read())

    def finish(self) -> list[Delta]:
        """Return what was held back when nothing more comes; `is_complete` tells whether it was cut off."""
        deltas: list[Delta] = []
        if self.stage == "calls":
            if not self._calls.is_over:
                deltas.append(self._calls.cut(self.buffer))
                self._calls.is_over = True
        elif self.stage != "done":
            deltas += self._shown(self.buffer.take_all())
        if self._stray and not self._is_reported:
            self._is_reported = True
            deltas.append(Malformed(self._wrapper_problem("it opens no tool calls"), shown(self._stray)))
        return _filled(deltas)

    def _close(self, name: str) -> list[Delta]:
        """Take in that the thinking or the whole answer is over; an end of thinking elsewhere says nothing."""
        if name == EOS:
            pieces = self.finish()
            self.stage = self.stage if self.stage == "calls" else "done"
            return pieces
        if self.stage != "thinking":
            self._before_calls = "content"
            return []
        pieces = list(self._shown(self.buffer.take_all()))
        self.stage, self._follows_calls = "content", False
        return _filled(pieces)

    def _read(self) -> Iterator[Delta]:
        """Yield pieces until no stage can go on."""
        stage: Stage | None = None
        while stage != self.stage:
            stage = self.stage
            if stage == "calls":
                yield from self._calls.read(self.buffer)
                if self._calls.is_over:
                    self.stage, self._follows_calls, self._space = self._before_calls, True, self._calls.space
            elif stage != "done":
                yield from self._words()

    def _words(self) -> Iterator[Delta]:
        """Yield thinking or answer up to a tag."""
        if self._follows_calls:
            self._space += self.buffer.take_space()
            if self.buffer.is_empty:  # white space alone is nobody's words
                return
            self._follows_calls = False
            yield from self._shown(self._space)
        reader, ends = self._calls, list[str]()
        if self.is_spelled:
            ends += [END_THINK, EOS] if self.stage == "thinking" else [EOS]
        if self.reads_calls:
            ends += [reader.block, reader.call]
        found = self.buffer.search(any_of(*ends))
        if found is None:
            blank = [f"\n\n{tag}" for tag in (reader.block, reader.call)] if self.reads_calls else []
            yield from self._shown(self.buffer.release((*ends, *blank)))
            return
        before, end = found
        is_call = end in (reader.block, reader.call)
        yield from self._shown(before.removesuffix("\n\n") if is_call else before)
        if is_call:
            yield from self._begin_calls(end)
        else:
            self.stage = "done" if end == EOS else "content"

    def _begin_calls(self, tag: str) -> Iterator[Delta]:
        """Begin a block of calls, in the answer or while the model still thinks."""
        is_bare = tag == self._calls.call
        if is_bare:
            self.buffer.put_back(tag)
            if not self._is_reported:
                self._is_reported = True
                yield Malformed(self._wrapper_problem("tool calls stand outside of it"), shown(self._stray))
        self._before_calls, self.stage = self.stage, "calls"
        self._calls.begin(is_bare=is_bare)

    def _wrapper_problem(self, problem: str) -> str:
        given = f", got {shown(self._stray)}" if self._stray else ""
        return f"expected {shown(self._calls.block)}{given}: {problem}"

    def _shown(self, text: str) -> Iterator[Delta]:
        if self.reads_calls and not self.is_spelled:
            self._note(text)
        yield (ThinkingDelta if self.stage == "thinking" else TextDelta)(shown(text))

    def _note(self, text: str) -> None:
        """Remember the first tag among the words: it is misspelt, or in the wrong place."""
        if not self._stray:
            place = text.find(self._dsml)
            text = text[text.rfind("<", 0, place) :] if place > 0 else text
            if place < 0:
                return
        elif self._stray[-1] in ">\n" or len(self._stray) >= STRAY:
            return
        self._stray += re.match(r"[^>\n]*[>\n]?", text)[0]  # type: ignore[index]


def _filled(deltas: Iterator[Delta] | list[Delta]) -> list[Delta]:
    """Return the deltas that say something."""
    return [delta for delta in deltas if not isinstance(delta, ThinkingDelta | TextDelta) or delta.text]
