"""A block of tool calls in an answer → calls, argument by argument while they arrive.

A call that cannot be read is passed over up to its end, and told with what was written.
"""

import json
import re
from collections.abc import Callable, Iterator

from sancai.tokenizer import json_text
from sancai.tokenizer.buffer import Buffer, any_of
from sancai.tokenizer.control import DSML
from sancai.tokenizer.conversation import ToolCall
from sancai.tokenizer.delta import CallDelta, Delta, Malformed
from sancai.tokenizer.dialect import Dialect

HALF = "\ud800"
"""Stands for `｜DSML｜` while an answer is read by its tokens: half a surrogate pair, which no decoded text holds."""
LONGEST_HEADER = 256
"""Letters that a name, and what surrounds it, may have."""
CUT = "the answer ends in the middle of a tool call; raise max_tokens or ask again"


class CallReader:
    """Reads the calls of one block, and says when it is over.

    Args:
        dsml: how `｜DSML｜` is written in the text.
        first: number of the answer's first call in its conversation, for ids that sort in the order of calls.
    """

    def __init__(self, dialect: Dialect, dsml: str, first: int) -> None:
        calls, invoke, parameter = (n.replace(DSML, dsml) for n in (dialect.calls, dialect.invoke, dialect.parameter))
        self.block, self.call, self._argument = f"<{calls}>", f'<{invoke} name="', f'<{parameter} name="'
        self._end, self._call_end, self._argument_end = f"</{calls}>", f"</{invoke}>", f"</{parameter}>"
        self._any_end = f"</{dsml}"
        self._ends = any_of(self._argument_end, self._call_end, self._end)
        self._skip_ends = any_of(self._call_end, self.call, self._end)
        self._first, self._number = first, 0
        self.is_over, self.is_bare = True, False
        self.space = ""
        """White space after the last call."""
        self._stage: Callable[[Buffer], Iterator[Delta]] = self._between
        self._raw: list[str] = []
        self._json: list[str] = []
        self._value: list[str] = []
        self._keys: set[str] = set()
        self._forget()

    def begin(self, *, is_bare: bool = False) -> None:
        """Begin a block; a bare one has lost its opening tag."""
        self.is_over, self.is_bare, self.space = False, is_bare, ""
        self._stage = self._between

    def read(self, buffer: Buffer) -> Iterator[Delta]:
        """Yield what is certain, until the block is over or more text is needed."""
        self._waits = False
        while not self.is_over and not self._waits:
            yield from self._stage(buffer)

    def cut(self, buffer: Buffer) -> Malformed:
        """Return what to say when nothing more comes, though the block is not over."""
        self._raw.append(buffer.take_all())
        is_inside = self._stage != self._between or "".join(self._raw).strip()
        problem = CUT if is_inside else f"the block of tool calls ends without {shown(self._end)}"
        if is_inside and self._stage == self._between:
            self._number += 1
        return self._malformed(problem, number=self._number if is_inside else 0)

    # -- states: each takes something off the buffer, or waits --------------------------------------

    def _between(self, buffer: Buffer) -> Iterator[Delta]:
        """Between two calls."""
        self.space += buffer.take_space()
        if buffer.take(self.call):
            self._number += 1
            self.space, self._raw = "", [self.call]
            self._stage = self._header
        elif buffer.take(self._end):
            self.space = ""
            self._close()
        elif buffer.is_empty or buffer.may_become(self.call, self._end) or self._awaits_end(buffer):
            self._waits = True
        elif self.is_bare:
            if buffer.peek(len(self._any_end)) == self._any_end:
                buffer.search(any_of(">"))
                self.space = ""
            self._close()
        else:
            self._number += 1
            self._fail("a block of tool calls holds ", f"; expected {shown(self.call)} or {shown(self._end)}")
        yield from ()

    def _awaits_end(self, buffer: Buffer) -> bool:
        """Return whether a bare block may be about to end with the closing tag of a misspelt block."""
        rest = buffer.peek(LONGEST_HEADER)
        is_end = rest.startswith(self._any_end) or self._any_end.startswith(rest)
        return self.is_bare and is_end and ">" not in rest and len(rest) < LONGEST_HEADER

    def _header(self, buffer: Buffer) -> Iterator[Delta]:
        """In the name of a call."""
        found = self._find(buffer, '">')
        if found is None:
            return
        self._name = shown(found)
        self._stage = self._arguments
        yield CallDelta(self._id, self._name)
        yield self._add("{")

    def _arguments(self, buffer: Buffer) -> Iterator[Delta]:
        """Between two arguments of a call."""
        self._raw.append(buffer.take_space())
        if buffer.take(self._argument):
            self._raw.append(self._argument)
            self._stage = self._argument_header
        elif buffer.take(self._call_end):
            yield self._add("}")
            yield ToolCall(id=self._id, name=self._name, arguments="".join(self._json))
            self._forget()
            self._stage = self._between
        elif buffer.is_empty or buffer.may_become(self._argument, self._call_end):
            self._waits = True
        else:
            self._fail(f"the call of {self._name!r} holds ", "; expected parameters only")

    def _argument_header(self, buffer: Buffer) -> Iterator[Delta]:
        """In the name and kind of an argument."""
        found = self._find(buffer, '">')
        if found is None:
            return
        match = re.fullmatch(r'(.*)" string="(true|false)', found, re.DOTALL)
        if match is None:
            self._fail(
                f'a parameter of {self._name!r} begins with {_start(found)}; expected name and string="true|false"'
            )
            return
        self._key, self._is_text, self._value = shown(match[1]), match[2] == "true", []
        if self._key in self._keys:
            self._fail(f"the call of {self._name!r} gives {self._key!r} twice; expected every parameter once")
            return
        opening = f"{', ' if self._keys else ''}{json.dumps(self._key, ensure_ascii=False)}: "
        self._keys.add(self._key)
        self._stage = self._in_value
        yield self._add(opening + ('"' if self._is_text else ""))

    def _in_value(self, buffer: Buffer) -> Iterator[Delta]:
        """In the value of an argument."""
        found = buffer.search(self._ends)
        if found is None:
            self._waits = True
            yield from self._more(buffer.release((self._argument_end, self._call_end, self._end)))
            return
        value, end = found
        yield from self._more(value)
        if end != self._argument_end:
            buffer.put_back(end)
            self._fail(
                f"{self._key!r} of the call of {self._name!r} is not closed; expected {shown(self._argument_end)}"
            )
            return
        self._raw.append(end)
        self._stage = self._arguments
        if self._is_text:
            yield self._add('"')
        else:
            self._check_json("".join(self._value))

    def _skip(self, buffer: Buffer) -> Iterator[Delta]:
        """In what cannot be read, up to the end of the call, the next call, or the end of the block."""
        found = buffer.search(self._skip_ends)
        if found is None:
            self._waits = True
            self._raw.append(buffer.release((self._call_end, self.call, self._end)))
            return
        self._raw.append(found[0])
        if found[1] == self._call_end:
            self._raw.append(found[1])
        else:
            buffer.put_back(found[1])
        passed = _start("".join(self._raw[self._passed :])) if self._expected else ""
        yield self._malformed(f"{self._problem}{passed}{self._expected}", number=self._number)
        self._stage = self._between

    # -- parts --------------------------------------------------------------------------------

    @property
    def _id(self) -> str:
        return f"call_{self._first + self._number - 1:05d}"

    def _find(self, buffer: Buffer, end: str) -> str | None:
        """Take a header up to its end; wait for it, but not for ever."""
        found = buffer.search(any_of(end))
        if found is not None and len(found[0]) <= LONGEST_HEADER:
            self._raw += found
            return found[0]
        if found is not None:
            buffer.put_back("".join(found))
        if len(buffer.peek(LONGEST_HEADER + 1)) > LONGEST_HEADER:
            self._fail("a tag of a tool call goes on with ", f"; expected a name and {end}")
        else:
            self._waits = True
        return None

    def _add(self, arguments: str) -> CallDelta:
        self._json.append(arguments)
        return CallDelta(self._id, self._name, arguments)

    def _more(self, value: str) -> Iterator[Delta]:
        """Yield more of a value: text as the inside of a JSON string, JSON as it is."""
        if value:
            self._raw.append(value)
            self._value.append(value)
            yield self._add(json.dumps(shown(value), ensure_ascii=False)[1:-1] if self._is_text else shown(value))

    def _check_json(self, value: str) -> None:
        try:
            json_text.read(shown(value))
        except ValueError as error:
            self._fail(f"{self._key!r} of the call of {self._name!r} is {_start(value)}; expected JSON ({error})")

    def _fail(self, problem: str, expected: str = "") -> None:
        """Pass over the rest of a call; with `expected`, what is passed over is named between problem and it."""
        self._problem, self._expected, self._passed = problem, expected, len(self._raw)
        self._stage = self._skip

    def _malformed(self, problem: str, number: int) -> Malformed:
        """Return what to say about what was read since the last call."""
        raw = shown("".join(self._raw))
        name = self._name or "".join(re.findall(r'name="?([\w.-]+)', raw)[:1])
        self._forget()
        return Malformed(shown(problem), raw, number, name, self._id if number else "")

    def _forget(self) -> None:
        """Begin anew after a call."""
        self._raw, self._json, self._value, self._keys = [], [], [], set()
        self._name = self._key = self._problem = self._expected = ""
        self._passed = 0
        self._is_text = self._waits = False

    def _close(self) -> None:
        self.is_over = True


def shown(text: str) -> str:
    """Return text with `｜DSML｜` written out."""
    return text.replace(HALF, DSML)


def _start(text: str) -> str:
    """Return how a text begins, for messages."""
    return repr(shown(text[:80].strip()[:40]))
