"""Answers are read the same however they arrive."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sancai.errors import AnswerError
from sancai.tokenizer import (
    V4,
    V41,
    AnswerParser,
    Call,
    Control,
    Conversation,
    Dialect,
    Message,
    TextDelta,
    ThinkingDelta,
    Tool,
    ToolCall,
    render,
)
from sancai.tokenizer.control import DSML, END_THINK, EOS, THINK


def read(parts: list[str], dialect: Dialect, thinking: bool) -> tuple[str, str, list[tuple[str, Any]], bool]:
    """Return reasoning, content, calls and whether the answer is complete."""
    parser = AnswerParser(dialect, thinking=thinking)
    pieces = [piece for part in parts for piece in parser.feed(part)] + parser.finish()
    return (
        "".join(p.text for p in pieces if isinstance(p, ThinkingDelta)),
        "".join(p.text for p in pieces if isinstance(p, TextDelta)),
        [(p.name, json.loads(p.arguments)) for p in pieces if isinstance(p, Call)],
        parser.is_complete,
    )


TEXT = st.text(st.sampled_from("ab <>/\n｜DSML_｜calls=\"'thinkinvoke"), max_size=30)
NAME = st.text(st.sampled_from("abc_ é"), min_size=1, max_size=6)
VALUE = st.one_of(TEXT, st.integers(-5, 5), st.booleans(), st.none(), st.lists(st.integers(0, 3), max_size=2))


@st.composite
def answers(draw: st.DrawFn) -> tuple[Message, Dialect]:
    calls = draw(st.lists(st.tuples(NAME, st.dictionaries(NAME, VALUE, max_size=3)), max_size=3))
    message = Message(
        role="assistant", content=draw(TEXT), reasoning=draw(TEXT),
        calls=[ToolCall(id=str(n), name=name, arguments=json.dumps(v)) for n, (name, v) in enumerate(calls)],
    )  # fmt: skip
    return message, draw(st.sampled_from([V4, V41]))


def tagless(message: Message, dialect: Dialect) -> bool:
    """Return whether no text of the message spells a tag by chance."""
    tags = (dialect.calls, dialect.invoke, dialect.parameter, "</think>")
    texts = [message.content, message.reasoning or "", *(c.arguments for c in message.calls)]
    return not any(tag in text for tag in tags for text in texts)


@settings(max_examples=1000, deadline=None)
@given(answer=answers(), data=st.data())
def test_an_answer_reads_back_however_it_is_cut(answer: tuple[Message, Dialect], data: st.DataObject) -> None:
    message, dialect = answer
    if not tagless(message, dialect):
        return
    prompt = render(
        Conversation(messages=[message, Message(role="user")], effort="low", tools=[Tool(name="f")]), dialect
    )
    text = prompt[prompt.index(f"<｜Assistant｜>{THINK}") + len(f"<｜Assistant｜>{THINK}") :]
    text = text[: text.index(EOS) + len(EOS)]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    wanted = [(c.name, json.loads(c.arguments)) for c in message.calls]
    assert read(parts, dialect, thinking=True) == (message.reasoning, message.content, wanted, True)
    assert read(list(text), dialect, thinking=True) == read([text], dialect, thinking=True)


@pytest.mark.parametrize("dialect", [V4, V41], ids=["V4", "V4.1"])
def test_an_answer_reads_back_wherever_it_is_cut_in_two(dialect: Dialect) -> None:
    call = ToolCall(id="1", name="f", arguments='{"a": "<x", "b": [1, null]}')
    message = Message(role="assistant", content="fine <\n\n", reasoning="so </th", calls=[call, call])
    talk = Conversation(messages=[Message(role="user"), message], effort="low", tools=[Tool(name="f")], goes_on=False)
    text = render(talk, dialect).rpartition(f"<｜Assistant｜>{THINK}")[2]
    arguments = json.loads(call.arguments)
    wanted = ("so </th", "fine <\n\n", [("f", arguments), ("f", arguments)], True)
    for place in range(len(text) + 1):
        assert read([text[:place], text[place:]], dialect, thinking=True) == wanted, text[:place]


def test_an_answer_cut_off_in_a_call_is_not_complete() -> None:
    text = f'so</think>fine\n\n<{V4.calls}>\n<{V4.invoke} name="f">\n<{V4.parameter} name="a" string="true">x'
    assert read([text], V4, thinking=True) == ("so", "fine", [], False)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (f'<{V4.invoke} name="f">oops</{V4.invoke}>', "expected parameters only"),
        (f'<{V4.invoke} name="f"><{V4.parameter} name="a" string="false">nope</{V4.parameter}></{V4.invoke}>', "JSON"),
        (f'<{V4.invoke} name="f">' + f'<{V4.parameter} name="a" string="true">x</{V4.parameter}>' * 2
         + f"</{V4.invoke}>", "twice"),
        ("words", "expected <"),
        (f"</{V4.calls}>more", "expected nothing"),
    ],
)  # fmt: skip
def test_calls_that_cannot_be_read_say_why(body: str, problem: str) -> None:
    with pytest.raises(AnswerError, match=problem):
        read([f"<{V4.calls}>\n{body}"], V4, thinking=False)


def test_what_came_before_a_bad_call_is_not_lost() -> None:
    good = f'<{V4.invoke} name="f">\n</{V4.invoke}>'
    parser = AnswerParser(V4, thinking=False)
    pieces = parser.feed(f'fine\n\n<{V4.calls}>\n{good}\n<{V4.invoke} name="g">oops</{V4.invoke}>')
    assert pieces == [TextDelta("fine"), Call("f", "{}")]
    with pytest.raises(AnswerError, match="oops"):
        parser.finish()


def test_an_answer_may_end_while_thinking() -> None:
    assert read([f"so{EOS}"], V4, thinking=True) == ("so", "", [], True)
    assert read(["so"], V4, thinking=True) == ("so", "", [], False)


# --- from ids --------------------------------------------------------------------------------------------


@settings(max_examples=1000, deadline=None)
@given(
    reasoning=TEXT,
    content=TEXT,
    tags=st.lists(st.sampled_from([END_THINK, EOS, f"<{V4.calls}>", "\n\n"])),
    data=st.data(),
)
def test_control_tokens_from_ids_are_not_confused_with_text(
    reasoning: str, content: str, tags: list[str], data: st.DataObject
) -> None:
    """Thinking and answer may spell every tag: only the tokens themselves end a part."""
    content += "".join(tags)
    reasoning += "".join(data.draw(st.permutations(tags)))
    parser = AnswerParser(V4, thinking=True, reads_calls=False, is_spelled=False)
    pieces = [
        delta
        for text, end in ((reasoning, END_THINK), (content, EOS))
        for part in (*cut(text, data), Control(end))
        for delta in parser.feed(part)
    ]
    assert "".join(p.text for p in pieces if isinstance(p, ThinkingDelta)) == reasoning
    assert "".join(p.text for p in pieces if isinstance(p, TextDelta)) == content
    assert parser.is_complete and parser.finish() == []


def cut(text: str, data: st.DataObject) -> list[str]:
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


def test_without_tags_to_look_for_nothing_is_held_back() -> None:
    parser = AnswerParser(V4, thinking=False, reads_calls=False, is_spelled=False)
    for part in ("a <", "<｜", f"\n\n<{V4.calls}>"):
        assert parser.feed(part) == [TextDelta(part)]


def tokens(text: str) -> list[str | Control]:
    """Return text with its control tokens as such."""
    return [part for run in text.split(DSML) for part in (run, Control(DSML))][:-1]


@settings(max_examples=300, deadline=None)
@given(name=TEXT, value=TEXT, dialect=st.sampled_from([V4, V41]))
def test_arguments_from_ids_may_spell_every_tag(name: str, value: str, dialect: Dialect) -> None:
    name, value = name.replace('"', ""), f"{value}</{dialect.parameter}>\n</{dialect.invoke}><{dialect.calls}>{value}"
    head = tokens(f'\n\n<{dialect.calls}>\n<{dialect.invoke} name="f">\n<{dialect.parameter} name="')
    middle, tail = '" string="true">', tokens(f"</{dialect.parameter}>\n</{dialect.invoke}>\n</{dialect.calls}>")
    parser = AnswerParser(dialect, thinking=True, is_spelled=False)
    parts = ["so", Control(END_THINK), value, *head, name, middle, *value, *tail, Control(EOS)]
    pieces = [delta for part in parts for delta in parser.feed(part)]
    assert "".join(p.text for p in pieces if isinstance(p, TextDelta)) == value and parser.is_complete
    assert pieces[-1] == Call("f", json.dumps({name: value}, ensure_ascii=False))


def test_a_call_cut_off_by_the_end_is_not_complete() -> None:
    parser = AnswerParser(V4, thinking=False, is_spelled=False)
    for part in (*tokens(f"fine\n\n<{V4.calls}>\n<{V4.invoke}"), Control(EOS)):
        parser.feed(part)
    assert parser.stage == "calls" and not parser.is_complete


def test_a_tag_from_ids_in_the_wrong_place_is_shown_written_out() -> None:
    parser = AnswerParser(V4, thinking=False, is_spelled=False)
    assert [d for part in ("a", Control(DSML), "b") for d in parser.feed(part)] == [
        TextDelta("a"), TextDelta("｜DSML｜"), TextDelta("b"),
    ]  # fmt: skip
    with pytest.raises(AnswerError, match="holds '｜DSML｜'; expected <｜DSML｜invoke"):
        for part in (*tokens(f"<{V4.calls}>"), Control(DSML)):
            parser.feed(part)


def test_an_end_of_thinking_in_the_answer_says_nothing() -> None:
    parser = AnswerParser(V4, thinking=False, is_spelled=False)
    assert [d for part in ("a <", Control(END_THINK), "b") for d in parser.feed(part)] == [
        TextDelta("a "), TextDelta("<b"),
    ]  # fmt: skip


@pytest.mark.parametrize("dialect", [V4, V41], ids=["V4", "V4.1"])
@pytest.mark.parametrize(
    ("options", "stage"),
    [
        ({}, "thinking"),
        ({"thinking": False}, "content"),
        ({"tools": [Tool(name="f")], "thinking": False}, "content"),
        ({"tools": [Tool(name="f")], "tool_choice": "required"}, "calls"),
    ],
)
def test_reading_begins_where_the_prompt_ends(dialect: Dialect, options: Any, stage: str) -> None:
    parser = AnswerParser.after(Conversation(messages=[Message(role="user", content="hi")], **options), dialect)
    assert parser.stage == stage and parser.reads_calls == ("tools" in options)


@pytest.mark.parametrize("dialect", [V4, V41], ids=["V4", "V4.1"])
@pytest.mark.parametrize(
    ("last", "stage"),
    [
        (Message(role="assistant", reasoning="so", is_prefix=True), "thinking"),
        (Message(role="assistant", reasoning="so", content="fi", is_prefix=True), "content"),
        (Message(role="user", content="b", task="action"), "content"),
        (Message(role="user", content="b", task="query"), "content"),
    ],
)
def test_reading_goes_on_with_a_prefix_or_a_task(dialect: Dialect, last: Message, stage: str) -> None:
    talk = Conversation(messages=[Message(role="user", content="a"), last])
    assert AnswerParser.after(talk, dialect).stage == stage
