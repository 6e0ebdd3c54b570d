"""Conversations: messages, tools and tool calls, as in DeepSeek's prompt formats."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal, get_args

from sancai.errors import RequestError

FROM_OPENAI = "Conversation.from_openai reads messages and tools in OpenAI's form"
Role = Literal["system", "user", "assistant", "tool", "latest_reminder", "developer"]
Task = Literal["action", "query", "authority", "domain", "title", "read_url"]
Effort = Literal["low", "high", "xhigh", "max"]
ToolChoice = Literal["auto", "none", "required"]
BELONGS = {
    "reasoning": ("assistant",), "calls": ("assistant",), "is_prefix": ("assistant",), "call_id": ("tool",),
    "tools": ("system", "developer"), "schema": ("developer",), "task": ("user", "developer", "assistant"),
}  # fmt: skip
"""The fields that messages of each role may have."""


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
    """A tool call; `arguments` is JSON as the model or client wrote it, or a dictionary."""

    id: str
    name: str
    arguments: str

    def __post_init__(self) -> None:
        given: Any = self.arguments
        if isinstance(given, Mapping):
            object.__setattr__(self, "arguments", json.dumps(given, ensure_ascii=False))
        elif not isinstance(given, str):
            raise RequestError(f"the arguments of {self.name!r} are of type {type(given).__name__}; expected JSON text")


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message; a content of None is empty.

    role: `developer` is a user's turn with its own tools and response format (DeepSeek's search agent); where earlier
        thinking is dropped, so are earlier developers' turns.
    reasoning: an assistant's thinking before its answer.
    calls: an assistant's tool calls.
    call_id: id of the call that a tool message answers.
    tools: tools of a developer's turn; tools that a system message adds (V4.1 only).
    schema: JSON schema of the answer to a developer's turn.
    is_prefix: an assistant message that the model continues.
    task: a quick task about the conversation so far, answered instead of, or before, an ordinary answer; a `title`
        belongs to an assistant's answer, the others to a question.  The next message is its answer.
    url: the address in the question that a `read_url` task is about.
    """

    role: Role
    content: str = ""
    reasoning: str | None = None
    calls: Sequence[ToolCall] = ()
    call_id: str | None = None
    tools: Sequence[Tool] = ()
    schema: Any = None
    is_prefix: bool = False
    task: Task | None = None
    url: str | None = None

    def __post_init__(self) -> None:
        if self.content is None:
            object.__setattr__(self, "content", "")
        if not isinstance(self.content, str):
            kind = type(self.content).__name__
            raise RequestError(f"the content of a {self.role} message is of type {kind}; {FROM_OPENAI}")
        _check("role", self.role, get_args(Role))
        _check("task", self.task, (None, *get_args(Task)))
        if self.role == "developer" and not self.content:
            raise RequestError("a developer message is empty; give it content")
        for name, roles in BELONGS.items():
            if getattr(self, name) not in (None, False, (), []) and self.role not in roles:
                raise RequestError(f"a {self.role} message has {name!r}; expected on messages of {' or '.join(roles)}")
        if self.url is not None and self.task != "read_url":
            raise RequestError(f"a url stands beside the task {self.task!r}; expected beside 'read_url'")


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """Messages, and how to answer them.

    schema: JSON schema of the answer; with `wants_json` alone any JSON object.
    goes_on: the model continues after the last message; otherwise the conversation is rendered as it is, with the
        thinking of the last answer.
    """

    messages: Sequence[Message]
    thinking: bool = True
    effort: Effort | None = None
    tools: Sequence[Tool] = ()
    tool_choice: ToolChoice = "auto"
    wants_json: bool = False
    schema: Any = None
    goes_on: bool = True

    def __post_init__(self) -> None:
        for name, kind in (("messages", Message), ("tools", Tool)):
            odd = [item for item in getattr(self, name) if not isinstance(item, kind)]
            if odd:
                raise RequestError(f"{name} hold a {type(odd[0]).__name__}, expected {kind.__name__}s; {FROM_OPENAI}")
        _check("effort", self.effort, (None, *get_args(Effort)))
        _check("tool_choice", self.tool_choice, get_args(ToolChoice))
        if self.wants_json and self.schema is not None:
            raise RequestError("an answer has either a JSON schema or is any JSON object; give one of them")
        for message, after in zip_longest(self.messages, self.messages[1:]):
            if message.task is not None:
                self._check_task(message.task, after)

    def _check_task(self, task: str, after: Message | None) -> None:
        """Check that every task has an answer."""
        if after is None and not self.goes_on:
            raise RequestError(f"the task {task!r} stands at the end of a finished conversation; leave it out")
        if after is None and self.tool_choice == "required":
            raise RequestError(f"the task {task!r} is answered without tools; tool_choice 'required' does not fit")
        if after is not None and after.role != "assistant":
            raise RequestError(f"after the task {task!r} comes a {after.role} message; expected its answer or the end")

    @staticmethod
    def from_openai(messages: Iterable[Any], tools: Iterable[Any] | None = None, **settings: Any) -> "Conversation":
        """Return a conversation from messages and tools in the form of OpenAI's chat completions.

        settings: the other fields of a conversation: `thinking`, `effort`, `tool_choice`, …

        Raises:
            RequestError: names the message or tool that cannot be read.
        """
        from sancai.tokenizer.openai_format import read_messages, read_tools

        return Conversation(messages=read_messages(messages), tools=read_tools(tools), **settings)

    def to_openai(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return messages and tools in the form of OpenAI's chat completions.

        Raises:
            RequestError: a message has what that form has no place for, such as a task.
        """
        from sancai.tokenizer.openai_format import write_messages, write_tools

        return write_messages(self.messages), write_tools(self)

    @property
    def offered(self) -> tuple[Tool, ...]:
        """The tools in the prompt."""
        return () if self.tool_choice == "none" else tuple(self.tools)

    @property
    def has_tools(self) -> bool:
        """Whether the model may call any tool."""
        return bool(self.offered) or any(self.offered_by(message) for message in self.messages)

    def offered_by(self, message: Message) -> tuple[Tool, ...]:
        """Return the tools of a developer's turn, none if the model may not call any."""
        return tuple(message.tools) if message.role == "developer" and self.tool_choice != "none" else ()


def _check(name: str, value: object, allowed: tuple[object, ...]) -> None:
    """Check that a value is one of those that the formats define."""
    if value not in allowed:
        raise RequestError(f"{name} is {value!r}; expected one of {', '.join(map(repr, allowed))}")
