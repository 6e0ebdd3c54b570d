"""What a conversation consists of, as DeepSeek's prompt encodings see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sancai.errors import RequestError

Role = Literal["system", "user", "assistant", "tool", "latest_reminder"]
Effort = Literal["low", "high", "xhigh", "max"]
ToolChoice = Literal["auto", "none", "required"]


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A function that the model may call; `parameters` is a JSON schema.

    deferred: known to the client, but not shown to the model.
    """

    name: str
    description: str | None = None
    parameters: Any = None
    deferred: bool = False


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """A call that the model made; `arguments` is JSON as the model or client wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message.

    reasoning: an assistant's thinking before its answer.
    calls: an assistant's tool calls.
    call_id: which call a tool message answers.
    tools: what a system message adds to the tools (V4.1 only).
    is_prefix: an assistant message that the model is to go on with.
    """

    role: Role
    content: str = ""
    reasoning: str | None = None
    calls: Sequence[ToolCall] = ()
    call_id: str | None = None
    tools: Sequence[Tool] = ()
    is_prefix: bool = False

    def __post_init__(self) -> None:
        _check("role", self.role, get_args(Role))


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """Messages and how they are to be answered.

    schema: JSON schema of the answer; with `wants_json` alone any JSON object.
    """

    messages: Sequence[Message]
    thinking: bool = True
    effort: Effort | None = None
    tools: Sequence[Tool] = ()
    tool_choice: ToolChoice = "auto"
    wants_json: bool = False
    schema: Any = None

    def __post_init__(self) -> None:
        _check("effort", self.effort, (None, *get_args(Effort)))
        _check("tool_choice", self.tool_choice, get_args(ToolChoice))
        if self.wants_json and self.schema is not None:
            raise RequestError("an answer has either a JSON schema or is any JSON object; give one of them")

    @property
    def offered(self) -> tuple[Tool, ...]:
        """The tools that the model is shown."""
        return () if self.tool_choice == "none" else tuple(self.tools)


def _check(name: str, value: object, allowed: tuple[object, ...]) -> None:
    """Refuse a value that no encoding knows."""
    if value not in allowed:
        raise RequestError(f"{name} is {value!r}; expected one of {', '.join(map(repr, allowed))}")
