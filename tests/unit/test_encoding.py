"""Prompts are DeepSeek's own, byte for byte; answers are read the same however they arrive."""

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sancai.errors import AnswerError, RequestError
from sancai.tokenizer import json_text
from sancai.tokenizer.answer import AnswerParser, Call, Content, Reasoning
from sancai.tokenizer.conversation import Conversation, Message, Tool, ToolCall
from sancai.tokenizer.encoding import V4, V41, Dialect, render
from sancai.tokenizer.text import EOS, THINK

CONVERSATIONS = 10_000
WORDS = ["", "a", "hi there", 'é\n"x', "<think>", "</think>x", "\n", "0", "{}", "中文", "<｜User｜>"]
NUMBERS = [
    0, 1, -3, 2**63, -(2**63), 10**15, 1.0, 0.1, -0.0, 1e-5, 1.5e-5, 1e-6, 1.25e-7, 1e15, 1e16, 1e22, 1.5e300,
    123456.789, -2.5e-5, 1e-10, 5e-324, 0.0001,
]  # fmt: skip
ODD_ARGUMENTS = [
    "", "{}", "[1]", "nope", '"s"', "null", "NaN", '{"a":NaN}', '{"a":1}x', ' {"a" : 1}\n', '{"a":1,"b":2,"a":3}',
    '{"s":"\\ud83d\\ude00"}', '{"a":1e999}',
    '{"a":12345678901234567890123,"b":-0,"c":-99999999999999999999,"d":1E5,"e":-0.0,"f":18446744073709551615}',
]  # fmt: skip


# --- against DeepSeek's own package ----------------------------------------------------------------------


class Draw:
    """Random conversations that hold every kind of message, in every order."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def word(self) -> str:
        return self.rng.choice(WORDS)

    def value(self, depth: int = 0) -> Any:
        kind = self.rng.random()
        if kind < 0.3 or depth > 2:
            return self.word()
        if kind < 0.6:
            return self.rng.choice(NUMBERS)
        if kind < 0.75:
            return self.rng.choice([True, False, None])
        items = [self.value(depth + 1) for _ in range(self.rng.randrange(3))]
        return items if kind < 0.88 else {f"{self.word()}{n}": item for n, item in enumerate(items)}

    def arguments(self) -> str:
        if self.rng.random() < 0.4:
            return self.rng.choice(ODD_ARGUMENTS)
        values = {self.word() or "k": self.value() for _ in range(self.rng.randrange(4))}
        return json.dumps(values, ensure_ascii=self.rng.random() < 0.5)

    def tools(self) -> list[Tool]:
        return [
            Tool(
                name=self.word() or "f", description=self.rng.choice([None, self.word()]),
                parameters=self.rng.choice([None, self.value(), {"type": "object"}]), deferred=self.rng.random() < 0.15,
            )
            for _ in range(self.rng.randrange(3))
        ]  # fmt: skip

    def message(self) -> Message:
        rng, content = self.rng, self.word()
        role = rng.choices(["system", "user", "assistant", "tool", "latest_reminder"], [1, 4, 4, 2, 0.6])[0]
        if role == "assistant":
            calls = [
                ToolCall(id=f"c{rng.randrange(4)}", name=self.word() or "f", arguments=self.arguments())
                for _ in range(rng.choice([0, 0, 1, 2, 3]))
            ]
            reasoning = rng.choice([None, "", "r", self.word()])
            return Message(role=role, content=content, reasoning=reasoning, calls=calls, is_prefix=rng.random() < 0.15)
        call_id = rng.choice([None, "c0", "c1", "c2", "c3", "zz"]) if role == "tool" else None
        tools = self.tools() if role == "system" and rng.random() < 0.3 else ()
        return Message(role=role, content=content, call_id=call_id, tools=tools)

    def conversation(self) -> Conversation:
        rng, answer = self.rng, self.rng.random()
        return Conversation(
            messages=[self.message() for _ in range(rng.randrange(7))],
            thinking=rng.random() < 0.7,
            effort=rng.choice([None, "low", "high", "xhigh", "max"]),
            tools=self.tools() if rng.random() < 0.4 else (),
            tool_choice=rng.choice(["auto", "auto", "none", "required"]),
            wants_json=answer < 0.1,
            schema=self.value() if 0.1 <= answer < 0.2 else None,
        )


def stock_prompt(talk: Conversation, encoding: Any) -> str:
    """Return the prompt that DeepSeek's package renders."""
    import deepseek_recipe as stock

    def tools(some: Any) -> list[Any]:
        return [stock.ToolDefinition(t.name, t.description, t.parameters, None, t.deferred) for t in some]

    def message(m: Message) -> Any:
        calls = [stock.ToolCall(c.id, c.name, c.arguments) for c in m.calls] or None
        return {
            "system": lambda: stock.SystemMessage(m.content, None, tools(m.tools) or None),
            "user": lambda: stock.UserMessage(m.content),
            "assistant": lambda: stock.AssistantMessage(m.content, m.reasoning, calls, m.is_prefix),
            "tool": lambda: stock.ToolMessage(m.content, m.call_id),
            "latest_reminder": lambda: stock.LatestReminderMessage(m.content),
        }[m.role]()

    extra = {"response_schema": talk.schema} if talk.schema is not None else {}
    conversation = stock.Conversation(
        [message(m) for m in talk.messages], thinking_mode=talk.thinking, tools=tools(talk.tools),
        tool_choice=talk.tool_choice, reasoning_effort=talk.effort,
        response_format="json_object" if talk.wants_json else "text", **extra,
    )  # fmt: skip
    return encoding.render_conversation(conversation).prompt


@pytest.mark.parametrize(("dialect", "name"), [(V4, "DeepseekV4Encoding"), (V41, "DeepseekV41Encoding")])
def test_prompts_equal_the_stock_encoder_byte_for_byte(dialect: Dialect, name: str) -> None:
    stock = pytest.importorskip("deepseek_recipe")
    encoding, draw = getattr(stock, name)(), Draw(seed=1)
    for _ in range(CONVERSATIONS):
        talk = draw.conversation()
        assert render(talk, dialect) == stock_prompt(talk, encoding), talk


# --- by hand ---------------------------------------------------------------------------------------------


def ask(*messages: Message, **options: Any) -> Conversation:
    return Conversation(messages=messages, **{"effort": "low", **options})


def test_a_plain_question_is_written_out() -> None:
    talk = ask(Message(role="system", content="be brief"), Message(role="user", content="hi"), thinking=False)
    assert render(talk) == "<｜begin▁of▁sentence｜>be brief<｜User｜>hi<｜Assistant｜></think>"
    assert render(talk, V41) == "<｜begin▁of▁sentence｜><｜System｜>be brief<｜User｜>hi<｜Assistant｜></think>"


def test_old_thinking_is_dropped_unless_there_are_tools() -> None:
    messages = (
        Message(role="user", content="a"), Message(role="assistant", content="b", reasoning="why"),
        Message(role="user", content="c"),
    )  # fmt: skip
    assert "why" not in render(ask(*messages))
    assert "<think>why</think>b" in render(ask(*messages, tools=[Tool(name="f")]))


def test_a_schema_and_any_json_at_once_are_refused() -> None:
    with pytest.raises(RequestError, match="give one of them"):
        ask(Message(role="user"), wants_json=True, schema={})


@pytest.mark.parametrize(
    ("value", "v4", "v41"),
    [(1e-5, "0.00001", "1e-05"), (2.5e-7, "2.5e-7", "2.5e-07"), (1e16, "1e+16", "1e+16"), (3.0, "3.0", "3.0")],
)
def test_numbers_follow_each_encoder(value: float, v4: str, v41: str) -> None:
    assert json_text.write(value, json_text.ryu_float) == v4
    assert json_text.write(value, json_text.python_float) == v41


# --- answers ---------------------------------------------------------------------------------------------


def read(parts: list[str], dialect: Dialect, thinking: bool) -> tuple[str, str, list[tuple[str, Any]], bool]:
    """Return reasoning, content, calls and whether the answer is complete."""
    parser = AnswerParser(dialect, thinking=thinking)
    pieces = [piece for part in parts for piece in parser.feed(part)] + parser.finish()
    return (
        "".join(p.text for p in pieces if isinstance(p, Reasoning)),
        "".join(p.text for p in pieces if isinstance(p, Content)),
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
    prompt = render(ask(message, Message(role="user"), tools=[Tool(name="f")]), dialect)
    text = prompt[prompt.index(f"<｜Assistant｜>{THINK}") + len(f"<｜Assistant｜>{THINK}") :]
    text = text[: text.index(EOS) + len(EOS)]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    wanted = [(c.name, json.loads(c.arguments)) for c in message.calls]
    assert read(parts, dialect, thinking=True) == (message.reasoning, message.content, wanted, True)
    assert read(list(text), dialect, thinking=True) == read([text], dialect, thinking=True)


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
    assert pieces == [Content("fine"), Call("f", "{}")]
    with pytest.raises(AnswerError, match="oops"):
        parser.finish()


def test_an_answer_may_end_while_thinking() -> None:
    assert read([f"so{EOS}"], V4, thinking=True) == ("so", "", [], True)
    assert read(["so"], V4, thinking=True) == ("so", "", [], False)


@pytest.mark.parametrize(
    ("build", "problem"),
    [
        (lambda: Message(role="developer"), "role is 'developer'"),
        (lambda: Conversation(messages=[], effort="medium"), "effort is 'medium'"),
        (lambda: Conversation(messages=[], tool_choice="any"), "tool_choice is 'any'"),
    ],
)
def test_what_no_encoding_knows_is_refused(build: Any, problem: str) -> None:
    with pytest.raises(RequestError, match=problem):
        build()


@pytest.mark.parametrize("text", ["1e999", "NaN", "[" * 100_000, "9" * 5000], ids=["huge", "nan", "deep", "long"])
def test_json_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"beyond|JSON|deep"):
        json_text.read(text)
