"""Rendering of conversations as prompts, byte for byte as DeepSeek's encoders do, for V4 and V4.1.

The reference is DeepSeek's `deepseek-recipe` package.  What it does not support (the `developer` role, quick tasks,
finished conversations) follows the encoder of the released weights, `encoding/encoding_dsv4.py`; both agree on
ordinary conversations, and the tests compare with both.  The package is not a run-time dependency, because it exists
for one platform only.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sancai.tokenizer import json_text
from sancai.tokenizer.control import (
    ASSISTANT,
    BOS,
    DSML,
    END_THINK,
    EOS,
    EXTRACTED_URL,
    FIM_BEGIN,
    FIM_END,
    FIM_HOLE,
    REMINDER,
    THINK,
    USER,
    Control,
    Piece,
    mark,
    merge,
    spell,
)
from sancai.tokenizer.conversation import Conversation, Message, Tool, ToolCall
from sancai.tokenizer.dialect import SCHEMA, TOOLS, UPDATED_TOOLS, V4, Dialect

ASKING = ("user", "developer", "system")
"""Roles of the turns that the assistant answers."""


def render(conversation: Conversation, dialect: Dialect = V4) -> str:
    """Return the prompt of a conversation as text, with control tokens spelled out."""
    return spell(render_pieces(conversation, dialect))


def render_pieces(conversation: Conversation, dialect: Dialect = V4) -> list[Piece]:
    """Return the prompt of a conversation as control tokens and runs of text."""
    return list(merge(_Renderer(conversation, dialect).pieces()))


def fim_pieces(prefix: str, suffix: str) -> list[Piece]:
    """Return the prompt for the text between two texts (fill in the middle).

    The order is prefix, suffix, middle, as DeepSeek-V3 was pre-trained on (arXiv 2412.19437) and V4 keeps
    (its report, section 4.1); like every document it begins with BOS.
    """
    return list(merge([Control(BOS), Control(FIM_BEGIN), prefix, Control(FIM_HOLE), suffix, Control(FIM_END)]))


def opening(thinking: bool) -> list[Piece]:
    """Return the start of an assistant's turn, with or without thinking."""
    return [Control(ASSISTANT), Control(THINK if thinking else END_THINK)]


@dataclass
class _Turn:
    """Messages that are rendered together: one assistant, one system, or adjacent users and tool results.

    is_bare: an answer without the assistant's header: to a task, or to a dropped question.
    is_latest: no question follows.
    """

    role: str
    messages: list[Message] = field(default_factory=list)
    is_bare: bool = False
    is_latest: bool = False

    @property
    def task(self) -> str | None:
        return self.messages[-1].task

    @property
    def is_asking(self) -> bool:
        return self.role in ASKING


class _Renderer:
    """Renders one conversation in one prompt format."""

    def __init__(self, conversation: Conversation, dialect: Dialect) -> None:
        self.talk, self.dialect = conversation, dialect
        self.has_tools = conversation.has_tools
        self.last: Message | None = None
        self.has_frame = False

    def pieces(self) -> Iterator[Piece]:
        """Yield the prompt."""
        messages = list(self.talk.messages)
        start = self._start(messages)
        messages = _results_by_id(_joined_users(messages)) if self.dialect.gathers else _one_reminder(messages)
        self.last = messages[-1] if messages else None
        yield Control(BOS)
        yield from start
        order: dict[str, int] = {}
        for turn in self._written(list(self._turns(messages))):
            yield from self._turn(turn, order)
            if turn.role == "assistant" and turn.messages[0].calls:
                order = _order(turn.messages[0].calls)
        yield from self._opening()

    # -- the beginning ------------------------------------------------------------------------

    def _start(self, messages: list[Message]) -> list[Piece]:
        """Return effort, system text, tools and response format; removes the leading system texts from `messages`."""
        d = self.dialect
        effort = d.efforts[self.talk.effort] if self.talk.thinking else ""
        is_bare = not messages and not d.gathers
        leads = bool(messages) and messages[0].role == "system"
        text = self._gather(messages) if d.gathers else messages[0].content if leads else ""
        frame = [*self._tool_block(self.talk.offered), *self._response_format()]
        self.has_frame = bool(frame)
        if is_bare and not text and not frame:
            return []
        if leads and not d.gathers:
            frame += self._updated(messages.pop(0))
        pieces = [piece for piece in (effort, text, *frame) if piece]
        return [*self._system_token(), *pieces] if pieces or leads else []

    def _gather(self, messages: list[Message]) -> str:
        systems = [m.content for m in messages if m.role == "system" and m.content]
        messages[:] = [m for m in messages if m.role != "system"]
        return "\n\n".join(systems)

    def _system_token(self) -> list[Piece]:
        return [Control(self.dialect.system_token)] if self.dialect.system_token else []

    def _tool_block(self, tools: Sequence[Tool]) -> list[Piece]:
        if not tools:
            return []
        d, shown = self.dialect, self._schemas([t for t in tools if not t.deferred])
        template = TOOLS.format(calls=d.calls, invoke=d.invoke, parameter=d.parameter, schemas="\0")
        before, after = (mark(part, DSML, THINK, END_THINK) for part in template.split("\0"))
        return [*before, f"{shown}\n" if shown else d.no_schemas, *after]

    def _schemas(self, tools: Sequence[Tool]) -> str:
        """Return one JSON object per line."""
        return "\n".join(
            json_text.write(
                {"name": t.name, "description": t.description or "", "parameters": t.parameters}, self.dialect.floats
            )
            for t in tools
        )

    def _updated(self, message: Message) -> list[Piece]:
        return [UPDATED_TOOLS + self._schemas(message.tools)] if message.tools else []

    def _response_format(self) -> list[Piece]:
        if self.talk.schema is not None:
            return [self._schema(self.talk.schema)]
        return [self.dialect.any_json] if self.talk.wants_json else []

    def _schema(self, schema: object) -> str:
        return SCHEMA + json_text.write(schema, self.dialect.floats)

    # -- turns ----------------------------------------------------------------------------------

    def _turns(self, messages: Sequence[Message]) -> Iterator[_Turn]:
        """Yield turns; adjacent users and tool results form one."""
        turn: _Turn | None = None
        for message in messages:
            role = "user" if message.role == "tool" else message.role
            joins = turn is not None and role == turn.role == "user" and self._joins(turn.messages[-1], message)
            if turn is None or not joins:
                if turn is not None:
                    yield turn
                turn = _Turn(role)
            turn.messages.append(message)
        if turn is not None:
            yield turn

    def _joins(self, before: Message, message: Message) -> bool:
        return not (self.dialect.splits_results and before.role == "user" and message.role == "tool")

    def _written(self, turns: Sequence[_Turn]) -> Iterator[_Turn]:
        """Yield the turns to render; earlier developers' questions are dropped together with earlier thinking."""
        asked = max((place for place, turn in enumerate(turns) if turn.is_asking), default=-1)
        drops = self.talk.thinking and not self.has_tools
        before, is_orphan = None, False
        for place, turn in enumerate(turns):
            if drops and turn.role == "developer" and place < asked:
                is_orphan = True
                continue
            is_asked = before is not None and before.is_asking
            turn.is_bare = bool(before and before.task) or (is_orphan and not is_asked)
            turn.is_latest = place > asked
            yield turn
            before, is_orphan = turn, False

    def _turn(self, turn: _Turn, order: Mapping[str, int]) -> Iterator[Piece]:
        message = turn.messages[0]
        if turn.role == "assistant":
            yield from self._assistant(turn)
        elif turn.role == "latest_reminder":
            yield from (Control(REMINDER), message.content)
        elif turn.role == "system":
            yield from (*self._system_token(), message.content, *self._updated(message))
        else:
            yield Control(USER)
            yield "\n\n".join(self._asked(turn.messages, order))
            yield from self._tool_block(self.talk.offered_by(message))
            yield self._schema(message.schema) if message.schema is not None else ""
        yield from self._task(turn.messages[-1])

    def _asked(self, messages: Sequence[Message], order: Mapping[str, int]) -> list[str]:
        """Return the parts of a user turn; in V4.1 tool results follow the order of their calls."""
        results = [m for m in messages if m.role == "tool"]
        ids = [m.call_id for m in results if m.call_id is not None]
        if not self.dialect.sorts_by_id and len(ids) == len(results):
            results.sort(key=lambda m: order.get(m.call_id or "", 0))
        following = iter(results)
        return [
            f"<tool_result>{next(following).content}</tool_result>" if m.role == "tool" else m.content for m in messages
        ]

    def _task(self, message: Message) -> Iterator[Piece]:
        """Yield the token of a quick task, instead of the assistant's header or after it."""
        if message.task == "action":
            yield from opening(self.talk.thinking)
        if message.url is not None:
            yield from (Control(EXTRACTED_URL), message.url)
        if message.task is not None:
            yield Control(f"<｜{message.task}｜>")

    def _assistant(self, turn: _Turn) -> Iterator[Piece]:
        message = turn.messages[0]
        if not turn.is_bare:
            yield Control(ASSISTANT)
            yield from self._thinking(message, turn.is_latest)
        yield message.content
        if message.calls:
            yield "\n\n"
            yield from self._tag(f"<{self.dialect.calls}>\n")
            yield from self._calls(message.calls)
            yield from self._tag(f"</{self.dialect.calls}>")
        is_open = message.is_prefix and (not self.dialect.gathers or message is self.last)
        if not is_open:
            yield Control(EOS)

    def _thinking(self, message: Message, is_latest: bool) -> list[Piece]:
        """Return the thinking part; a prefix without content continues thinking."""
        goes_on_thinking = message.is_prefix and self.talk.thinking and not message.content
        end: list[Piece] = [] if goes_on_thinking else [Control(END_THINK)]
        if is_latest and self.talk.thinking and not self._is_continued():
            return [Control(THINK), message.reasoning or "", *end]
        if self.dialect.gathers:
            kept = message.reasoning is not None and (self.has_tools or message.is_prefix)
            return [Control(THINK), message.reasoning or "", *end] if kept else end
        is_first = message is self.talk.messages[0] and not self.has_frame
        if not self.talk.thinking or not (self.has_tools or (message.is_prefix and not is_first)):
            return [Control(END_THINK)]
        return [Control(THINK), message.reasoning or "", *([Control(END_THINK)] if message.calls else end)]

    def _calls(self, calls: Sequence[ToolCall]) -> Iterator[Piece]:
        for call in sorted(calls, key=lambda c: c.id) if self.dialect.sorts_by_id else calls:
            yield from self._call(call)

    def _call(self, call: ToolCall) -> Iterator[Piece]:
        d, arguments = self.dialect, _arguments(call)
        yield from (*self._tag(f'<{d.invoke} name="'), call.name, '">\n')
        for name, value in arguments.items():
            is_text = isinstance(value, str)
            yield from (*self._tag(f'<{d.parameter} name="'), name, f'" string="{"true" if is_text else "false"}">')
            yield str(value) if is_text else json_text.write(value, d.floats)
            yield from self._tag(f"</{d.parameter}>\n")
        if not arguments:
            yield d.no_arguments
        yield from self._tag(f"</{d.invoke}>\n")

    def _tag(self, tag: str) -> list[Piece]:
        return mark(tag, DSML)

    # -- where the model goes on ----------------------------------------------------------------

    def _is_continued(self) -> bool:
        """Return whether the model writes an answer; otherwise the last message is complete or answers a task."""
        return self.talk.goes_on and not (self.last and self.last.task)

    def _opening(self) -> list[Piece]:
        if not self._is_continued():
            return []
        is_prefix = self.last is not None and self.last.role == "assistant" and self.last.is_prefix
        pieces = [] if is_prefix else opening(self.talk.thinking)
        if self.talk.tool_choice == "required" and self.has_tools:
            pieces += ["\n\n", *self._tag(f"<{self.dialect.calls}>\n")]
        return pieces


def _order(calls: Sequence[ToolCall]) -> dict[str, int]:
    """Return the position of each call by its id."""
    return {call.id: place for place, call in reversed(list(enumerate(calls)))}


def _results_by_id(messages: list[Message]) -> list[Message]:
    """Return the messages with the results of an assistant's calls directly after it, by id (V4)."""
    out = list(messages)
    for place, message in enumerate(messages):
        if message.role == "assistant" and message.calls:
            part = slice(place + 1, place + 1 + len(message.calls))
            if len(out[part]) == len(message.calls):
                out[part] = sorted(out[part], key=lambda m: (m.role != "tool", m.call_id or ""))
    return out


def _one_reminder(messages: list[Message]) -> list[Message]:
    """Return the messages without reminders that follow a reminder (V4.1)."""
    reminds = [m.role == "latest_reminder" for m in messages]
    return [m for m, now, before in zip(messages, reminds, [False, *reminds], strict=False) if not (now and before)]


def _joined_users(messages: list[Message]) -> list[Message]:
    """Return the messages with adjacent users merged; an empty one adds no blank line (V4)."""
    out: list[Message] = []
    for message in messages:
        if out and out[-1].role == message.role == "user":
            parts = (out[-1].content, message.content)
            out[-1] = replace(message, content="\n\n".join(p for p in parts if p))
        else:
            out.append(message)
    return out


def _arguments(call: ToolCall) -> dict[str, object]:
    """Return the arguments by name; anything but a JSON object becomes one argument named `arguments`."""
    try:
        value = json_text.read(call.arguments)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"arguments": call.arguments}
