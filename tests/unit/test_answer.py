"""Answers are read the same however they arrive."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sancai.tokenizer import (
    V4,
    V41,
    AnswerParser,
    CallDelta,
    Control,
    Conversation,
    Delta,
    Dialect,
    Malformed,
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
        [(p.name, json.loads(p.arguments)) for p in pieces if isinstance(p, ToolCall)],
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


@pytest.mark.slow
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


# --- what is no readable call -----------------------------------------------------------------------------

D = DSML


def call(name: str, value: str = "x", is_text: str = "true") -> str:
    argument = f'<{V4.parameter} name="a" string="{is_text}">{value}</{V4.parameter}>'
    return f'<{V4.invoke} name="{name}">\n{argument}\n</{V4.invoke}>\n'


def pieces_of(text: str, is_spelled: bool = True, size: int = 10**6, **options: Any) -> list[Delta]:
    """Return the pieces of an answer that arrives in parts of `size`, with deltas of one kind joined."""
    parser = AnswerParser(V4, is_spelled=is_spelled, **options)
    parts = [text] if is_spelled else tokens(text)
    fed = [p[i : i + size] if isinstance(p, str) else p for p in parts for i in range(0, _length(p), size)]
    pieces = [piece for part in fed for piece in parser.feed(part)] + parser.finish()
    joined: list[Delta] = []
    for piece in pieces:
        if joined and isinstance(piece, TextDelta | ThinkingDelta) and type(joined[-1]) is type(piece):
            joined[-1] = type(piece)(joined[-1].text + piece.text)  # type: ignore[union-attr]
        elif not isinstance(piece, CallDelta):
            joined.append(piece)
    return joined


def _length(part: str | Control) -> int:
    return len(part) if isinstance(part, str) else 1


GOOD, OTHER = ToolCall(id="call_00001", name="f", arguments='{"a": "x"}'), '{"a": "x"}'
BROKEN = [
    (call("g", "nope", "false"), "'a' of the call of 'g' is 'nope'; expected JSON"),
    (f'<{V4.invoke} name="g">oops</{V4.invoke}>', "the call of 'g' holds 'oops</｜DSML｜invoke>"),
    (call("g").replace("\n</", f'<{V4.parameter} name="a" string="true">y</{V4.parameter}></', 1), "'a' twice"),
    (call("g").replace(f"</{V4.parameter}>", ""), "'a' of the call of 'g' is not closed"),
    (call("g").replace(' string="true"', ""), "a parameter of 'g' begins with 'a'"),
    (f"<{V4.invoke} name=g>\n</{V4.invoke}>", "a block of tool calls holds '<｜DSML｜invoke name=g>"),
    ("words ", "a block of tool calls holds 'words"),
    (f'<{V4.invoke} name="{"g" * 300}">\n</{V4.invoke}>', "a tag of a tool call goes on with 'ggg"),
]


@pytest.mark.parametrize("size", [1, 10**6])
@pytest.mark.parametrize("is_spelled", [True, False])
@pytest.mark.parametrize(("broken", "problem"), BROKEN)
def test_one_broken_call_loses_nothing_else(broken: str, problem: str, is_spelled: bool, size: int) -> None:
    text = f"fine\n\n<{V4.calls}>\n{call('f')}{broken}{call('h')}</{V4.calls}>"
    said, first, bad, last = pieces_of(text, is_spelled, size, thinking=False)
    assert (said, first) == (TextDelta("fine"), GOOD)
    assert isinstance(bad, Malformed) and problem in bad.problem and bad.number == 2 and bad.id == "call_00002"
    assert bad.text.split() == broken.split()
    assert last == ToolCall(id="call_00003", name="h", arguments=OTHER)


@pytest.mark.parametrize("size", [1, 10**6])
@pytest.mark.parametrize("is_spelled", [True, False])
def test_calls_may_begin_while_thinking(is_spelled: bool, size: int) -> None:
    text = f"I need both.\n\n<{V4.calls}>\n{call('f')}{call('h')}</{V4.calls}>"
    calls = [GOOD, ToolCall(id="call_00002", name="h", arguments=OTHER)]
    assert pieces_of(text, is_spelled, size) == [ThinkingDelta("I need both."), *calls]
    later = pieces_of(f"{text} and so</think>", True, size)
    assert later == [ThinkingDelta("I need both."), *calls, ThinkingDelta(" and so")]


@pytest.mark.parametrize("size", [1, 10**6])
def test_words_and_further_calls_after_a_block_are_read(size: int) -> None:
    block = f"<{V4.calls}>\n{call('f')}</{V4.calls}>"
    second = ToolCall(id="call_00002", name="f", arguments=OTHER)
    assert pieces_of(f"a\n\n{block}\nDone.\n\n{block}\n ", True, size, thinking=False) == [
        TextDelta("a"), GOOD, TextDelta("\nDone."), second,
    ]  # fmt: skip


@pytest.mark.parametrize("size", [1, 10**6])
@pytest.mark.parametrize("tag", [f"<{D}toolcalls>\n", f"<{D}function_calls>", ""])
def test_calls_with_a_misspelt_or_missing_wrapper_are_read_and_told(tag: str, size: int) -> None:
    end = tag.replace("<", "</").strip()
    pieces = pieces_of(f"fine{tag}{call('f')}{call('h')}{end}\nbye", False, size, thinking=False)
    said, told, *calls, rest = pieces
    assert said == TextDelta(f"fine{tag}") and rest == TextDelta("\nbye" if tag else "\n\nbye")
    assert isinstance(told, Malformed) and told.problem.startswith(f"expected <{V4.calls}>") and told.number == 0
    assert told.text == tag.strip() and [c.name for c in calls if isinstance(c, ToolCall)] == ["f", "h"]


@pytest.mark.parametrize("size", [1, 10**6])
def test_a_tag_that_opens_nothing_is_told(size: int) -> None:
    said, told = pieces_of(f"see <{D}toolcall> there", False, size, thinking=False)
    assert said == TextDelta(f"see <{D}toolcall> there")
    assert isinstance(told, Malformed) and told.text == f"<{D}toolcall>"
    assert pieces_of(f"see <{D}toolcall>", True, size, thinking=False) == [TextDelta(f"see <{D}toolcall>")]


@pytest.mark.parametrize("size", [1, 10**6])
def test_every_cut_of_an_answer_keeps_what_was_read(size: int) -> None:
    text = f"fine\n\n<{V4.calls}>\n{call('f')}{call('h')}</{V4.calls}>"
    for place in range(text.index("<") + len(V4.calls) + 2, len(text)):
        said, *rest = pieces_of(text[:place], True, size, thinking=False)
        assert said == TextDelta("fine")
        assert (GOOD in rest) == (place >= text.index(call("h")) - 1) and isinstance(rest[-1], Malformed), place
    assert "raise max_tokens" in pieces_of(text[:-60], True, size, thinking=False)[-1].problem  # type: ignore[union-attr]


# --- deltas and the work that they take -------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(values=st.lists(VALUE, max_size=4), data=st.data())
def test_deltas_of_arguments_join_to_the_calls(values: list[Any], data: st.DataObject) -> None:
    arguments = {f"k{n}": v for n, v in enumerate(values)}
    message = Message(role="assistant", calls=[ToolCall(id="1", name="f", arguments=json.dumps(arguments))])
    if not tagless(message, V4):
        return
    talk = Conversation(messages=[Message(role="user"), message], thinking=False, tools=[Tool(name="f")], goes_on=False)
    text = render(talk).rpartition("</think>")[2]
    parser = AnswerParser(V4, thinking=False)
    pieces = [piece for part in cut(text, data) for piece in parser.feed(part)]
    deltas = [p for p in pieces if isinstance(p, CallDelta)]
    (made,) = (p for p in pieces if isinstance(p, ToolCall))
    assert deltas[0] == CallDelta(made.id, "f") and {d.id for d in deltas} == {made.id}
    assert "".join(d.arguments for d in deltas) == made.arguments and json.loads(made.arguments) == arguments


def test_a_long_argument_is_streamed() -> None:
    parser = AnswerParser(V4, thinking=False)
    parser.feed(f'<{V4.calls}>\n<{V4.invoke} name="f">\n<{V4.parameter} name="a" string="true">')
    assert parser.feed('say "hi"') == [CallDelta("call_00001", "f", 'say \\"hi\\"')]


def scanned(parts: list[str]) -> int:
    parser = AnswerParser(V4)
    for part in parts:
        parser.feed(part)
    parser.finish()
    return parser.buffer.scanned


@pytest.mark.parametrize("in_pieces", [True, False])
@pytest.mark.parametrize(
    ("head", "unit"),
    [
        ("", "word < "),
        ("</think>", "word\n\n< "),
        (f'</think><{V4.calls}><{V4.invoke} name="f"><{V4.parameter} name="a" string="true">', "word </ "),
        (f'</think><{V4.calls}><{V4.invoke} name="f"><{V4.parameter} name="a" string="false">', "word </ "),
        (f"</think><{V4.calls}>", call("f")),
        (f"</think><{V4.calls}>", call("f", "nope", "false")),
        (f"</think><{V4.calls}>", "\n      "),
        (f"</think><{V4.calls}>{call('f')}</{V4.calls}>", "\n      "),
        (f"</think>{call('f')}", "\n      "),
        ("</think>", f"<{D}toolcalls>"),
        (f"</think><{V4.calls}>oops ", "word </ "),
    ],
)
def test_the_work_grows_as_the_answer_does(head: str, unit: str, in_pieces: bool) -> None:
    work = []
    for count in (500, 1000, 2000):
        text = head + unit * count
        work.append(scanned([text[i : i + 4] for i in range(0, len(text), 4)] if in_pieces else [text]))
    assert work[2] - work[1] <= 2.05 * (work[1] - work[0]) and work[2] <= 40 * len(head + unit * 2000)


def test_an_answer_may_end_while_thinking() -> None:
    assert read([f"so{EOS}"], V4, thinking=True) == ("so", "", [], True)
    assert read(["so"], V4, thinking=True) == ("so", "", [], False)


# --- from ids --------------------------------------------------------------------------------------------


@pytest.mark.slow
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
    arguments = json.dumps({name: value}, ensure_ascii=False)
    assert pieces[-1] == ToolCall(id="call_00001", name="f", arguments=arguments)


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
    for part in (*tokens(f"<{V4.calls}>"), Control(DSML), *tokens(f"</{V4.calls}>")):
        told = parser.feed(part)
    assert isinstance(told[0], Malformed) and "holds '｜DSML｜" in told[0].problem


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
