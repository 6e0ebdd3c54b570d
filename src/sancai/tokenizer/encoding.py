"""Conversations → prompts, byte for byte as DeepSeek's own encoders write them, for V4 and V4.1.

The format is a published fact (the `encoding` folder of DeepSeek-V4-Flash; DeepSeek's `deepseek-recipe`
package for both versions); the tests hold this module against that package.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sancai.tokenizer import json_text
from sancai.tokenizer.conversation import Conversation, Message, Tool, ToolCall
from sancai.tokenizer.text import ASSISTANT, BOS, END_THINK, EOS, THINK, USER

SYSTEM = "<｜System｜>"
REMINDER = "<｜latest_reminder｜>"
DSML = "｜DSML｜"

_ABSOLUTE = (
    "Reasoning Effort: Absolute maximum with no shortcuts permitted.\n"
    "You MUST be very thorough in your thinking and comprehensively decompose the problem to resolve the root cause, "
    "rigorously stress-testing your logic against all potential paths, edge cases, and adversarial scenarios.\n"
    "Explicitly write out your entire deliberation process, documenting every intermediate step, considered "
    "alternative, and rejected hypothesis to ensure absolutely no assumption is left unchecked.\n\n"
)
_BEYOND = (
    "Reasoning Effort: Beyond maximum — exhaustive, relentless, and uncompromising.\n"
    "You MUST reason with the utmost depth and rigor, leaving absolutely nothing to chance: exhaustively decompose "
    "the problem into its most fundamental components, trace every causal chain to its root, and resolve the "
    "underlying cause rather than any surface symptom.\n"
    "Do not stop reasoning until you have independently verified the solution from multiple angles and are certain "
    "that no assumption remains unchecked and no error remains undiscovered.\n\n"
)
_TOOLS = """

## Tools

You have access to a set of tools to help answer the user's question. You can invoke tools by writing a "<{calls}>" \
block like the following:

<{calls}>
<{invoke} name="$TOOL_NAME">
<{parameter} name="$PARAMETER_NAME" string="true|false">$PARAMETER_VALUE</{parameter}>
...
</{invoke}>
<{invoke} name="$TOOL_NAME2">
...
</{invoke}>
</{calls}>

String parameters should be specified as is and set `string="true"`. For all other types (numbers, booleans, arrays, \
objects), pass the value in JSON format and set `string="false"`.

If thinking_mode is enabled (triggered by <think>), you MUST output your complete reasoning inside <think>...</think> \
BEFORE any tool calls or final response.

Otherwise, output directly after </think> with tool calls or final response.

### Available Tool Schemas

{schemas}
You MUST strictly follow the above defined tool name and parameter schemas to invoke tool calls.
"""
_UPDATED = "\n\n### Updated Tool Schemas\n\n"
_ANY_JSON = (
    "\n\nYou are a helpful assistant designed to output JSON.\n## Response Format:\n\nReply with JSON object ONLY."
)
_SCHEMA = "\n\n## Response Format:\n\nYou MUST strictly adhere to the following schema to reply:\n"


def _percent(value: int) -> str:
    return f"Reasoning Effort: {value} (range 1-100, the higher the value, the more thorough the reasoning)\n\n"


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """What differs between the two encodings.

    tags: names of the elements of tool calls.
    efforts: text before everything else, by effort; None is the default effort.
    system_token: before every system text; without it all system texts are gathered at the start.
    floats: how numbers are written.
    """

    calls: str
    invoke: str
    parameter: str
    efforts: Mapping[str | None, str]
    floats: json_text.Floats
    system_token: str = ""
    no_arguments: str = ""


V4 = Dialect(
    calls=f"{DSML}tool_calls", invoke=f"{DSML}invoke", parameter=f"{DSML}parameter",
    efforts={None: _ABSOLUTE, "low": "", "high": _ABSOLUTE, "xhigh": _ABSOLUTE, "max": _BEYOND},
    floats=json_text.ryu_float,
)  # fmt: skip
V41 = Dialect(
    calls=f"{DSML} calls", invoke=f"{DSML} invoke", parameter=f"{DSML} parameter",
    efforts={name: _percent(value) for name, value in
             ((None, 75), ("low", 50), ("high", 75), ("xhigh", 75), ("max", 100))},
    floats=json_text.python_float, system_token=SYSTEM, no_arguments="\n",
)  # fmt: skip


def render(conversation: Conversation, dialect: Dialect = V4) -> str:
    """Return the prompt of a conversation, up to where the model goes on."""
    return _Renderer(conversation, dialect).prompt()


@dataclass(frozen=True)
class _Turn:
    """Messages that are written together: one assistant, one system, or users and tool results in a row."""

    role: str
    messages: list[Message] = field(default_factory=list)


class _Renderer:
    """One conversation in one dialect."""

    def __init__(self, conversation: Conversation, dialect: Dialect) -> None:
        self.talk, self.dialect = conversation, dialect
        self.has_tools = bool(conversation.offered)
        self.gathers = not dialect.system_token
        self.last: Message | None = None
        self.has_frame = False

    def prompt(self) -> str:
        """Return the whole prompt."""
        messages = list(self.talk.messages)
        start = self._start(messages)
        messages = _results_by_id(_joined_users(messages)) if self.gathers else _one_reminder(messages)
        self.last = messages[-1] if messages else None
        order: dict[str, int] = {}
        body = ""
        for turn in self._turns(messages):
            body += self._turn(turn, order)
            if turn.role == "assistant" and turn.messages[0].calls:
                order = _order(turn.messages[0].calls)
        return BOS + start + body + self._opening()

    # -- the beginning ------------------------------------------------------------------------

    def _start(self, messages: list[Message]) -> str:
        """Return effort, system text, tools and response format; take the leading system texts off `messages`."""
        effort = self.dialect.efforts[self.talk.effort] if self.talk.thinking else ""
        is_bare = not messages and not self.gathers
        leads = bool(messages) and messages[0].role == "system"
        text = self._gather(messages) if self.gathers else self._lead(messages)
        self.has_frame = bool(blocks := self._tool_block() + self._response_format())
        text += blocks
        if is_bare and not text:
            return ""
        if leads and not self.gathers:
            text += self._updated(messages.pop(0))
        text = effort + text
        return self.dialect.system_token + text if text or leads else ""

    def _gather(self, messages: list[Message]) -> str:
        systems = [m.content for m in messages if m.role == "system" and m.content]
        messages[:] = [m for m in messages if m.role != "system"]
        return "\n\n".join(systems)

    def _lead(self, messages: list[Message]) -> str:
        if not messages or messages[0].role != "system":
            return ""
        return messages[0].content

    def _tool_block(self) -> str:
        if not self.has_tools:
            return ""
        d, shown = self.dialect, self._schemas([t for t in self.talk.offered if not t.deferred])
        shown += "\n" if shown or not self.gathers else ""
        return _TOOLS.format(calls=d.calls, invoke=d.invoke, parameter=d.parameter, schemas=shown)

    def _schemas(self, tools: Sequence[Tool]) -> str:
        """Return one JSON object a line."""
        return "\n".join(
            json_text.write(
                {"name": t.name, "description": t.description or "", "parameters": t.parameters}, self.dialect.floats
            )
            for t in tools
        )

    def _updated(self, message: Message) -> str:
        return _UPDATED + self._schemas(message.tools) if message.tools else ""

    def _response_format(self) -> str:
        if self.talk.schema is not None:
            return _SCHEMA + json_text.write(self.talk.schema, self.dialect.floats)
        if not self.talk.wants_json:
            return ""
        return _ANY_JSON if self.gathers else _SCHEMA + json_text.write({"type": "json_object"}, self.dialect.floats)

    # -- turns ----------------------------------------------------------------------------------

    def _turns(self, messages: Sequence[Message]) -> Iterator[_Turn]:
        """Yield turns: users and tool results in a row are one."""
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
        """V4 begins a new turn where a tool result follows a user's words."""
        return not self.gathers or not (before.role == "user" and message.role == "tool")

    def _turn(self, turn: _Turn, order: Mapping[str, int]) -> str:
        message = turn.messages[0]
        if turn.role == "assistant":
            return self._assistant(message)
        if turn.role == "latest_reminder":
            return REMINDER + message.content
        if turn.role == "system":
            return self.dialect.system_token + message.content + self._updated(message)
        return USER + "\n\n".join(self._asked(turn.messages, order))

    def _asked(self, messages: Sequence[Message], order: Mapping[str, int]) -> list[str]:
        """Return the parts of a user turn; in V4.1 tool results take the order of their calls."""
        results = [m for m in messages if m.role == "tool"]
        ids = [m.call_id for m in results if m.call_id is not None]
        if not self.gathers and len(ids) == len(results):
            results.sort(key=lambda m: order.get(m.call_id or "", 0))
        following = iter(results)
        return [
            f"<tool_result>{next(following).content}</tool_result>" if m.role == "tool" else m.content for m in messages
        ]

    def _assistant(self, message: Message) -> str:
        text = ASSISTANT + self._thinking(message) + message.content
        if message.calls:
            text += f"\n\n<{self.dialect.calls}>\n{self._calls(message.calls)}</{self.dialect.calls}>"
        is_open = message.is_prefix and (not self.gathers or message is self.last)
        return text if is_open else text + EOS

    def _thinking(self, message: Message) -> str:
        """Return the think part; a prefix without content goes on thinking."""
        ends = "" if message.is_prefix and self.talk.thinking and not message.content else END_THINK
        if self.gathers:
            kept = message.reasoning is not None and (self.has_tools or message.is_prefix)
            return f"{THINK}{message.reasoning}{ends}" if kept else ends
        is_first = message is self.talk.messages[0] and not self.has_frame
        if not self.talk.thinking or not (self.has_tools or (message.is_prefix and not is_first)):
            return END_THINK
        return f"{THINK}{message.reasoning or ''}{END_THINK if message.calls else ends}"

    def _calls(self, calls: Sequence[ToolCall]) -> str:
        """Return the calls, in V4 by their ids."""
        ordered = sorted(calls, key=lambda c: c.id) if self.gathers else calls
        return "".join(self._call(call) for call in ordered)

    def _call(self, call: ToolCall) -> str:
        d = self.dialect
        lines = "".join(
            f'<{d.parameter} name="{name}" string="{"true" if isinstance(value, str) else "false"}">'
            f"{value if isinstance(value, str) else json_text.write(value, d.floats)}</{d.parameter}>\n"
            for name, value in _arguments(call).items()
        )
        return f'<{d.invoke} name="{call.name}">\n{lines or d.no_arguments}</{d.invoke}>\n'

    # -- where the model goes on ----------------------------------------------------------------

    def _opening(self) -> str:
        last = self.last
        goes_on = last is not None and last.role == "assistant" and last.is_prefix
        text = "" if goes_on else ASSISTANT + (THINK if self.talk.thinking else END_THINK)
        if self.talk.tool_choice == "required" and self.has_tools:
            text += f"\n\n<{self.dialect.calls}>\n"
        return text


def _order(calls: Sequence[ToolCall]) -> dict[str, int]:
    """Return the place of each call by its id."""
    return {call.id: place for place, call in reversed(list(enumerate(calls)))}


def _results_by_id(messages: list[Message]) -> list[Message]:
    """Return the messages with the results of an assistant's calls right after it, by id (V4)."""
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
    """Return the messages with users in a row as one; an empty one leaves no blank line (V4)."""
    out: list[Message] = []
    for message in messages:
        if out and out[-1].role == message.role == "user":
            parts = (out[-1].content, message.content)
            out[-1] = replace(message, content="\n\n".join(p for p in parts if p))
        else:
            out.append(message)
    return out


def _arguments(call: ToolCall) -> dict[str, object]:
    """Return the arguments by name; what is no JSON object becomes one argument of that name."""
    try:
        value = json_text.read(call.arguments)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"arguments": call.arguments}
