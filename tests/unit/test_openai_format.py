"""Histories of other clients become conversations, and conversations become such histories again."""

from types import SimpleNamespace
from typing import Any

import pytest

from sancai.api import Answer
from sancai.errors import RequestError
from sancai.tokenizer import Conversation, Message, Tool, ToolCall, render

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "w", "parameters": SCHEMA}}]
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
HISTORY: list[dict[str, Any]] = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": "weather in Paris?"},
    {"role": "assistant", "content": None, "reasoning_content": "ask", "tool_calls": [CALL]},
    {"role": "tool", "content": "18 C", "tool_call_id": "call_1"},
]
WANTED = Conversation(
    messages=[
        Message(role="system", content="be brief"),
        Message(role="user", content="weather in Paris?"),
        Message(
            role="assistant", reasoning="ask",
            calls=(ToolCall(id="call_1", name="weather", arguments='{"city": "Paris"}'),),
        ),
        Message(role="tool", content="18 C", call_id="call_1"),
    ],
    tools=[Tool(name="weather", description="w", parameters=SCHEMA)],
)  # fmt: skip


def change(place: int, **values: Any) -> list[dict[str, Any]]:
    return [m | values if n == place else m for n, m in enumerate(HISTORY)]


def test_a_history_is_read_and_written_back() -> None:
    talk = Conversation.from_openai(HISTORY, TOOLS)
    assert talk == WANTED and talk.to_openai() == (HISTORY, TOOLS)
    assert "</think>\n\n<｜DSML｜tool_calls>" in render(talk)


def call_with(**function: Any) -> dict[str, Any]:
    return {"id": "call_1", "function": {"name": "weather"} | function}


@pytest.mark.parametrize(
    "history",
    [
        change(1, content=[{"type": "text", "text": "weather "}, {"type": "text", "text": "in Paris?"}]),
        change(1, content=["weather in Paris?"]),
        change(3, content=[{"type": "text", "text": "18 C"}]),
        change(0, role="developer"),
        change(2, content=""),
        change(2, tool_calls=[call_with(arguments={"city": "Paris"})]),
        change(2, refusal=None, audio=None, annotations=[], function_call=None, name="x"),
        change(2, reasoning_content=None, reasoning="ask"),
        [SimpleNamespace(model_dump=lambda m=m: m) for m in HISTORY],
    ],
)
def test_what_means_the_same_is_read_the_same(history: list[Any]) -> None:
    assert Conversation.from_openai(history, TOOLS) == WANTED


@pytest.mark.parametrize("tool", [TOOLS[0]["function"], {"type": "function", **TOOLS[0]["function"]}])  # type: ignore[dict-item]
def test_tools_may_be_written_flat(tool: dict[str, Any]) -> None:
    assert Conversation.from_openai(HISTORY, [tool]) == WANTED


@pytest.mark.parametrize("arguments", [None, "", "{}", {}])
def test_no_arguments_are_no_argument(arguments: Any) -> None:
    talk = Conversation.from_openai(change(2, tool_calls=[call_with(arguments=arguments)]))
    assert talk.messages[2].calls[0].arguments == "{}"
    assert '<｜DSML｜invoke name="weather">\n</｜DSML｜invoke>' in render(talk)


def test_calls_without_ids_are_numbered_in_order() -> None:
    calls = [{"function": {"name": n, "arguments": "{}"}} for n in "ab"]
    old = {"role": "assistant", "content": None, "function_call": {"name": "c", "arguments": "{}"}}
    history = [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": calls}, old]
    talk = Conversation.from_openai(history)
    ids = [(c.id, c.name) for m in talk.messages for c in m.calls]
    assert ids == [("call_00001", "a"), ("call_00002", "b"), ("call_00003", "c")]


def test_settings_of_the_conversation_are_kept() -> None:
    talk = Conversation.from_openai(HISTORY, TOOLS, thinking=False, tool_choice="required")
    assert not talk.thinking and talk.tool_choice == "required"


def test_an_answer_is_the_next_message() -> None:
    call = ToolCall(id="call_00001", name="f", arguments="{}")
    message = Answer("fine", "so", calls=(call,)).message
    assert message == Message(role="assistant", content="fine", reasoning="so", calls=(call,))
    assert Conversation(messages=[message]).to_openai()[0][0]["tool_calls"][0]["id"] == "call_00001"


@pytest.mark.parametrize(
    ("history", "tools", "problem"),
    [
        (
            change(1, content=[{"type": "image_url"}]),
            None,
            r"messages\[1\]\.content\[0\] is a part of type 'image_url'",
        ),
        (change(1, content=3), None, r"messages\[1\]\.content is of type int"),
        (change(1, role="bot"), None, r"messages\[1\] has role 'bot'"),
        (change(2, tool_calls=[{"id": "1"}]), None, r"messages\[2\] has no function name"),
        (change(2, tool_calls=[call_with(arguments=[1])]), None, "arguments of 'weather' are of type list"),
        (["hi"], None, r"messages\[0\] is of type str"),
        (HISTORY, [{"type": "web_search"}], r"tools\[0\] has type 'web_search'"),
        (HISTORY, [{"type": "function", "function": {}}], r"tools\[0\] has no name"),
    ],
)
def test_what_cannot_be_read_is_named(history: Any, tools: Any, problem: str) -> None:
    with pytest.raises(RequestError, match=problem):
        Conversation.from_openai(history, tools)


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (Message(role="user", content="x", task="query"), "has 'task'"),
        (Message(role="developer", content="x"), "is of role 'developer'"),
        (Message(role="latest_reminder", content="x"), "is of role 'latest_reminder'"),
    ],
)
def test_what_the_form_has_no_place_for_is_named(message: Message, problem: str) -> None:
    with pytest.raises(RequestError, match=problem):
        Conversation(messages=[message]).to_openai()


def test_our_own_messages_take_null_and_dictionaries() -> None:
    assert Message(role="assistant", content=None) == Message(role="assistant")  # type: ignore[arg-type]
    call = ToolCall(id="1", name="f", arguments={"a": "é"})  # type: ignore[arg-type]
    assert call.arguments == '{"a": "é"}'


@pytest.mark.parametrize(
    "make",
    [
        lambda: Message(role="user", content=[{"type": "text", "text": "hi"}]),  # type: ignore[arg-type]
        lambda: Conversation(messages=HISTORY),  # type: ignore[arg-type]
        lambda: Conversation(messages=[], tools=TOOLS),  # type: ignore[arg-type]
    ],
)
def test_foreign_forms_are_refused_with_the_way_out(make: Any) -> None:
    with pytest.raises(RequestError, match=r"Conversation\.from_openai reads"):
        make()
