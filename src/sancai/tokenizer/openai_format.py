"""Conversations in the form of OpenAI's chat completions ↔ ours.

What is read are plain dictionaries, or objects with `model_dump`, as OpenAI's client returns them.  Roles, content as a
text, null or a list of text parts, `tool_calls`, `tool_call_id`, DeepSeek's `reasoning_content` and `prefix`, and
the tools' schemas are understood; other keys say nothing about the prompt and are passed over.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sancai.errors import RequestError
from sancai.tokenizer.conversation import Conversation, Message, Role, Tool, ToolCall

ROLES: dict[str, Role] = {
    "system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool",
    "function": "tool",
}  # fmt: skip
"""Their roles; `developer` is what newer models call `system`."""
TEXT_PARTS = ("text", "input_text", "output_text", "refusal")
OURS_ALONE = ("tools", "schema", "task", "url")


def read_messages(messages: Iterable[Any]) -> list[Message]:
    """Return their messages as ours; calls without an id are numbered.

    Raises:
        RequestError: names the message and what cannot be read about it.
    """
    out: list[Message] = []
    for number, message in enumerate(messages):
        place = f"messages[{number}]"
        first = 1 + sum(len(m.calls) for m in out)
        out.append(_read_message(_mapping(message, place), place, first))
    return out


def read_tools(tools: Iterable[Any] | None) -> list[Tool]:
    """Return their tools as ours: `{"type": "function", "function": {…}}`, or what stands inside.

    Raises:
        RequestError: names the tool that is none.
    """
    return [_read_tool(_mapping(tool, f"tools[{n}]"), f"tools[{n}]") for n, tool in enumerate(tools or ())]


def write_messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return our messages as theirs.

    Raises:
        RequestError: a message has what theirs have no place for.
    """
    return [_write_message(message, f"messages[{number}]") for number, message in enumerate(messages)]


def write_tools(conversation: Conversation) -> list[dict[str, Any]]:
    """Return our tools as theirs."""
    return [{"type": "function", "function": _write_tool(tool)} for tool in conversation.tools]


def _read_message(values: Mapping[str, Any], place: str, first: int) -> Message:
    role = values.get("role")
    if role not in ROLES:
        raise RequestError(f"{place} has role {role!r}; expected one of {', '.join(ROLES)}")
    given = values.get("tool_calls") or ()
    if values.get("function_call"):  # what calls were before tools
        given = [*given, {"function": values["function_call"]}]
    calls = [_read_call(_mapping(call, f"{place}.tool_calls[{n}]"), place, first + n) for n, call in enumerate(given)]
    thought = next((values[n] for n in ("reasoning_content", "reasoning") if values.get(n) is not None), None)
    return Message(
        role=ROLES[role], content=_text(values.get("content"), f"{place}.content"),
        reasoning=None if thought is None or role != "assistant" else _text(thought, f"{place}.reasoning_content"),
        calls=tuple(calls), call_id=values.get("tool_call_id"), is_prefix=bool(values.get("prefix", False)),
    )  # fmt: skip


def _read_call(values: Mapping[str, Any], place: str, number: int) -> ToolCall:
    called = values.get("function", values)
    name = called.get("name") if isinstance(called, Mapping) else None
    if not isinstance(name, str):
        raise RequestError(f"a tool call of {place} has no function name; expected {{'function': {{'name': …}}}}")
    identity = values.get("id") or f"call_{number:05d}"
    return ToolCall(id=identity, name=name, arguments=called.get("arguments") or "{}")


def _read_tool(values: Mapping[str, Any], place: str) -> Tool:
    if values.get("type", "function") != "function":
        raise RequestError(f"{place} has type {values['type']!r}; only functions can be offered")
    described = _mapping(values.get("function", values), f"{place}.function")
    if not isinstance(described.get("name"), str):
        raise RequestError(f"{place} has no name; expected {{'function': {{'name': …, 'parameters': …}}}}")
    parameters = described.get("parameters")
    return Tool(name=described["name"], description=described.get("description"), parameters=parameters)


def _text(content: Any, place: str) -> str:
    """Return a content as one text."""
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, Mapping) or not isinstance(content, Iterable):
        raise RequestError(f"{place} is of type {type(content).__name__}; expected a text, null or a list of parts")
    return "".join(_part(part, f"{place}[{number}]") for number, part in enumerate(content))


def _part(part: Any, place: str) -> str:
    if isinstance(part, str):
        return part
    values = _mapping(part, place)
    kind = values.get("type")
    text = values.get("refusal" if kind == "refusal" else "text")
    if kind not in TEXT_PARTS or not isinstance(text, str):
        raise RequestError(
            f"{place} is a part of type {kind!r}; a conversation takes text only (pictures go beside a single prompt)"
        )
    return text


def _write_message(message: Message, place: str) -> dict[str, Any]:
    extra = [name for name in OURS_ALONE if getattr(message, name)]
    if message.role not in ROLES or ROLES[message.role] != message.role or extra:
        what = f"has {extra[0]!r}" if extra else f"is of role {message.role!r}"
        raise RequestError(f"{place} {what}, which OpenAI's form has no place for")
    calls = [
        {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}} for c in message.calls
    ]
    out: dict[str, Any] = {"role": message.role, "content": message.content or (None if calls else "")}
    parts = {
        "reasoning_content": message.reasoning, "tool_calls": calls or None, "tool_call_id": message.call_id,
        "prefix": message.is_prefix or None,
    }  # fmt: skip
    return out | {name: part for name, part in parts.items() if part is not None}


def _write_tool(tool: Tool) -> dict[str, Any]:
    values = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {name: value for name, value in values.items() if value is not None}


def _mapping(value: Any, place: str) -> Mapping[str, Any]:
    """Return a dictionary, or what an object of a client dumps as one."""
    dump = getattr(value, "model_dump", None)
    value = dump() if callable(dump) else value
    if not isinstance(value, Mapping):
        raise RequestError(f"{place} is of type {type(value).__name__}; expected an object")
    return value
