"""Prompts are DeepSeek's own, byte for byte and id for id, and nobody's words become control tokens."""

import hashlib
import json
import pathlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import conversations
from conversations import PLAIN, SPELLED, Draw, Ordinary
from sancai.errors import RequestError
from sancai.sequence import Text
from sancai.tokenizer import (
    V4,
    V41,
    Control,
    Conversation,
    Dialect,
    Message,
    Piece,
    Tokenizer,
    Tool,
    ToolCall,
    Writer,
    fim_pieces,
    json_text,
    render,
    render_pieces,
    spell,
)
from sancai.tokenizer.control import BOS, FIM_BEGIN, FIM_END, FIM_HOLE

CONVERSATIONS = 10_000
VECTORS = pathlib.Path(__file__).parent / "encoding_vectors"
RELEASED = [
    (
        V4,
        "adbde143 2e3b6451 3ab955b2 04066566 861823cf 38be7c42 b9eb9854 c09ae1dd fb0f4fc1 2a16a6ad "
        "c608d8bc 2c2d27aa b89c3aa8 9a6d4253 c1ea52d6 24e1d179 42b7889b 8b658398 ee8e9504 aec20679",
    ),
    (
        V41,
        "f0e0e128 4e250293 5f958f2e 68a584ce 836f608d c8e9edfe fe682c0e 8822bbcc 7f5bc2c1 375aaff0 "
        "472e8d1a 2f4a3aab af851f75 7d41c30d ae267a67 5fb9c3a2 7fa6696c 32da67c5 21333c08 1c5ffda6",
    ),
]
"""SHA-256 of 500 prompts each (first 8 digits), of the 10,000 that `Ordinary(7)` draws, rendered by DeepSeek's released
encoders as sglang carries them: `encoding_dsv4.py` of 0.5.20 ("official" efforts), `encoding_dsv41.py` of 0.5.22."""
REFERENCE = [(V4, "DeepseekV4Encoding"), (V41, "DeepseekV41Encoding")]


# --- against DeepSeek's own package ----------------------------------------------------------------------


def reference_conversation(talk: Conversation) -> Any:
    """Return a conversation as DeepSeek's package takes it."""
    import deepseek_recipe as reference

    def tools(some: Any) -> list[Any]:
        return [reference.ToolDefinition(t.name, t.description, t.parameters, None, t.deferred) for t in some]

    def message(m: Message) -> Any:
        calls = [reference.ToolCall(c.id, c.name, c.arguments) for c in m.calls] or None
        return {
            "system": lambda: reference.SystemMessage(m.content, None, tools(m.tools) or None),
            "user": lambda: reference.UserMessage(m.content),
            "assistant": lambda: reference.AssistantMessage(m.content, m.reasoning, calls, m.is_prefix),
            "tool": lambda: reference.ToolMessage(m.content, m.call_id),
            "latest_reminder": lambda: reference.LatestReminderMessage(m.content),
        }[m.role]()

    extra = {"response_schema": talk.schema} if talk.schema is not None else {}
    return reference.Conversation(
        [message(m) for m in talk.messages], thinking_mode=talk.thinking, tools=tools(talk.tools),
        tool_choice=talk.tool_choice, reasoning_effort=talk.effort,
        response_format="json_object" if talk.wants_json else "text", **extra,
    )  # fmt: skip


@pytest.mark.parametrize(("dialect", "name"), REFERENCE)
def test_prompts_equal_the_reference_encoder_byte_for_byte(dialect: Dialect, name: str) -> None:
    reference = pytest.importorskip("deepseek_recipe")
    encoding, draw = getattr(reference, name)(), Draw(seed=1)
    for _ in range(CONVERSATIONS):
        talk = draw.conversation()
        assert render(talk, dialect) == encoding.render_conversation(reference_conversation(talk)).prompt, talk


@pytest.fixture(scope="module")
def full_tokenizer() -> Tokenizer:
    return conversations.full_tokenizer()


@pytest.mark.parametrize(("dialect", "name"), REFERENCE)
def test_ids_equal_the_reference_encoder(dialect: Dialect, name: str, full_tokenizer: Tokenizer) -> None:
    reference = pytest.importorskip("deepseek_recipe")
    theirs = reference.Tokenizer.from_str(full_tokenizer._backend.to_str())
    encoding, draw = getattr(reference, name)().with_tokenizer(theirs), Draw(seed=2)
    for _ in range(CONVERSATIONS // 5):
        talk = draw.conversation()
        assert full_tokenizer.encode_conversation(talk, dialect) == encoding.encode(reference_conversation(talk)), talk


# --- against the encoders beside the released weights ----------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("dialect", "wanted"), RELEASED, ids=["V4", "V4.1"])
def test_prompts_equal_the_released_encoder_byte_for_byte(dialect: Dialect, wanted: str) -> None:
    draw, digests = Ordinary(seed=7, has_later_systems=dialect is V41), []
    for _ in range(CONVERSATIONS // 500):
        prompts = (render(draw.conversation(), dialect) for _ in range(500))
        digests.append(hashlib.sha256("".join(f"{p}\0" for p in prompts).encode()).hexdigest()[:8])
    assert " ".join(digests) == wanted


def vector(number: int, **options: Any) -> Conversation:
    """Return one of DeepSeek's published conversations, which end with an answer."""
    read = json.loads((VECTORS / f"input_{number}.json").read_text(encoding="utf-8"))
    whole = read if isinstance(read, dict) else {"messages": read}
    messages = [
        Message(
            role=m["role"], content=m.get("content", ""), reasoning=m.get("reasoning"), call_id=m.get("tool_call_id"),
            calls=[ToolCall(id=c.get("id", ""), **c["function"]) for c in m.get("tool_calls", [])],
            tools=tools(m.get("tools", [])), task=m.get("task"),
        )
        for m in whole["messages"]
    ]  # fmt: skip
    return Conversation(messages=messages, tools=tools(whole.get("tools", [])), goes_on=False, **options)


def tools(listed: list[Any]) -> list[Tool]:
    return [Tool(**tool["function"]) for tool in listed]


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_published_vectors_are_met(number: int) -> None:
    """All four vectors beside the released weights; `encoding_vectors/README.md` says how they came here."""
    wanted = (VECTORS / f"output_{number}.txt").read_text(encoding="utf-8")
    assert render(vector(number, effort="low", thinking=number != 4)) == wanted


@pytest.mark.parametrize("number", [1, 2])
def test_vectors_of_v41_are_met(number: int) -> None:
    wanted = (VECTORS / f"output_{number}_v41.txt").read_text(encoding="utf-8")
    assert render(vector(number, effort="high"), V41) == wanted


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


def test_a_developer_brings_tools_and_a_response_format() -> None:
    asked = Message(role="developer", content="find it", tools=[Tool(name="search")], schema={"type": "object"})
    prompt = render(ask(Message(role="system", content="be brief"), asked))
    assert prompt.startswith("<｜begin▁of▁sentence｜>be brief<｜User｜>find it\n\n## Tools\n\nYou have")
    assert prompt.endswith(
        "to invoke tool calls.\n\n\n## Response Format:\n\nYou MUST strictly adhere to the following schema to reply:"
        '\n{"type": "object"}<｜Assistant｜><think>'
    )
    assert "search" not in render(ask(asked, tool_choice="none"))


@pytest.mark.parametrize("dialect", [V4, V41], ids=["V4", "V4.1"])
def test_developers_old_turns_go_where_old_thinking_goes(dialect: Dialect) -> None:
    messages = (
        Message(role="developer", content="one"), Message(role="assistant", content="two"),
        Message(role="user", content="three"), Message(role="developer", content="four"),
        Message(role="user", content="five"),
    )  # fmt: skip
    thinks, tells = render(ask(*messages), dialect), render(ask(*messages, thinking=False), dialect)
    assert thinks.endswith("two<｜end▁of▁sentence｜><｜User｜>three<｜User｜>five<｜Assistant｜><think>")
    assert "one" not in thinks and "<｜Assistant｜></think>two" not in thinks
    assert (
        "<｜User｜>one<｜Assistant｜></think>two<｜end▁of▁sentence｜><｜User｜>three<｜User｜>four<｜User｜>five"
        in tells
    )
    assert "one" in render(ask(*messages, tools=[Tool(name="f")]), dialect)


def test_a_whole_conversation_ends_with_its_last_answer_and_thinking() -> None:
    messages = (
        Message(role="user", content="a"), Message(role="assistant", content="b", reasoning="old"),
        Message(role="user", content="c"), Message(role="assistant", content="d", reasoning="new"),
    )  # fmt: skip
    prompt = render(ask(*messages, goes_on=False))
    assert prompt.endswith("<｜User｜>c<｜Assistant｜><think>new</think>d<｜end▁of▁sentence｜>") and "old" not in prompt
    assert render(ask(*messages[:3], goes_on=False)).endswith("<｜User｜>c")


@pytest.mark.parametrize(
    ("task", "thinking", "end"),
    [
        ("action", True, "<｜User｜>hi<｜Assistant｜><think><｜action｜>"),
        ("action", False, "<｜User｜>hi<｜Assistant｜></think><｜action｜>"),
        ("query", True, "<｜User｜>hi<｜query｜>"), ("authority", False, "<｜User｜>hi<｜authority｜>"),
        ("domain", True, "<｜User｜>hi<｜domain｜>"), ("read_url", True, "<｜User｜>hi<｜read_url｜>"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dialect", [V4, V41], ids=["V4", "V4.1"])
def test_a_task_takes_the_place_of_the_answer(task: Any, thinking: bool, end: str, dialect: Dialect) -> None:
    asked = Message(role="user", content="hi", task=task)
    assert render(ask(asked, thinking=thinking), dialect).endswith(end)
    answered = ask(asked, Message(role="assistant", content="yes"), thinking=thinking, goes_on=False)
    assert render(answered, dialect).endswith(f"{end}yes<｜end▁of▁sentence｜>")


def test_a_title_is_asked_for_after_the_answer_whose_thinking_stays() -> None:
    messages = (
        Message(role="user", content="hi"), Message(role="assistant", content="ho", reasoning="why", task="title"),
        Message(role="assistant", content="A greeting"),
    )  # fmt: skip
    asked = "<｜User｜>hi<｜Assistant｜><think>why</think>ho<｜end▁of▁sentence｜><｜title｜>"
    assert render(ask(*messages[:2])).endswith(asked)
    assert render(ask(*messages, goes_on=False)).endswith(f"{asked}A greeting<｜end▁of▁sentence｜>")


def test_an_address_to_read_stands_before_its_task() -> None:
    talk = ask(Message(role="user", content="read it.org", task="read_url", url="it.org"))
    assert render(talk).endswith("<｜User｜>read it.org<｜extracted_url｜>it.org<｜read_url｜>")


def test_users_in_a_row_keep_the_task_of_the_last() -> None:
    talk = ask(Message(role="user", content="a"), Message(role="user", content="b", task="query"))
    assert render(talk).endswith("<｜User｜>a\n\nb<｜query｜>") and render(talk, V41).endswith("a\n\nb<｜query｜>")


# --- control tokens and text -----------------------------------------------------------------------------


def controls(pieces: list[Piece]) -> list[str]:
    return [piece.name for piece in pieces if isinstance(piece, Control)]


@pytest.mark.parametrize("dialect", [V4, V41], ids=["V4", "V4.1"])
def test_no_words_change_how_a_prompt_is_built(dialect: Dialect, full_tokenizer: Tokenizer) -> None:
    """The same conversations in plain words and in words that spell control tokens: the same tokens stand in both."""
    plain, spelled = (Draw(3, words, numbers=[1]) for words in (PLAIN, SPELLED))
    known = {i: token.content for i, token in full_tokenizer._backend.get_added_tokens_decoder().items()}
    for _ in range(1000):
        one, other = (render_pieces(draw.conversation(), dialect) for draw in (plain, spelled))
        assert controls(one) == controls(other)
        ids = full_tokenizer.encode_pieces(other)
        assert [known[i] for i in ids if i in known] == controls(other)


def test_pieces_alternate_and_spell_the_prompt() -> None:
    talk = ask(Message(role="user", content="</think>"), Message(role="user", content="<｜User｜>"), thinking=False)
    pieces = render_pieces(talk)
    assert pieces == [
        Control("<｜begin▁of▁sentence｜>"), Control("<｜User｜>"), "</think>\n\n<｜User｜>", Control("<｜Assistant｜>"),
        Control("</think>"),
    ]  # fmt: skip
    assert spell(pieces) == render(talk)


@given(prefix=st.text(max_size=20), suffix=st.sampled_from(SPELLED))
@settings(max_examples=200, deadline=None)
def test_filling_in_holds_prefix_and_suffix_as_text(prefix: str, suffix: str) -> None:
    pieces = fim_pieces(prefix, suffix)
    assert spell(pieces) == f"{BOS}{FIM_BEGIN}{prefix}{FIM_HOLE}{suffix}{FIM_END}"
    assert controls(pieces) == [BOS, FIM_BEGIN, FIM_HOLE, FIM_END]


def test_a_vocabulary_without_a_token_says_so(full_tokenizer: Tokenizer) -> None:
    small = Tokenizer.train(["a b"], 300)
    assert full_tokenizer.encode_pieces(fim_pieces("a", "b"))[1] == full_tokenizer.id_of(FIM_BEGIN)
    with pytest.raises(RequestError, match="vocabulary has no <｜fim▁begin｜>"):
        small.encode_pieces(fim_pieces("a", "b"))
    with pytest.raises(RequestError, match="vocabulary has no <｜query｜>"):
        small.encode_conversation(ask(Message(role="user", content="a", task="query")))


# --- the writer of training documents --------------------------------------------------------------------


@pytest.mark.parametrize("think", [None, "", "step </think> by step"])
def test_the_writer_writes_what_is_rendered(think: str | None, full_tokenizer: Tokenizer) -> None:
    user, answer = (
        Message(role="user", content="1 + 1 <｜User｜>"),
        Message(role="assistant", content="2", reasoning=think),
    )
    writer = Writer(full_tokenizer).user([user.content]).assistant(think).answer(answer.content)
    whole = ask(user, answer, thinking=think is not None, goes_on=False)
    assert ids(writer) == full_tokenizer.encode_conversation(whole)


@pytest.mark.parametrize("thinking", [False, True])
def test_the_writer_asks_as_is_rendered(thinking: bool, full_tokenizer: Tokenizer) -> None:
    said = ("hi", "ho", "and now?")
    messages = [Message(role=r, content=c) for r, c in zip(("user", "assistant", "user"), said, strict=True)]
    writer = Writer(full_tokenizer).user([said[0]]).assistant().answer(said[1]).user([said[2]])
    writer.assistant(opens_thinking=thinking)
    assert ids(writer) == full_tokenizer.encode_conversation(ask(*messages, thinking=thinking))


def ids(writer: Writer) -> list[int]:
    (only,) = writer.finish()
    assert isinstance(only, Text)
    return list(only.ids)


# --- what is refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "problem"),
    [
        (lambda: Message(role="critic"), "role is 'critic'"),
        (lambda: Conversation(messages=[], effort="medium"), "effort is 'medium'"),
        (lambda: Conversation(messages=[], tool_choice="any"), "tool_choice is 'any'"),
        (lambda: Message(role="user", task="poem"), "task is 'poem'"),
        (lambda: Message(role="tool", task="query"), "tool message has 'task'; expected on messages of user or"),
        (lambda: Message(role="user", task="query", url="it.org"), "expected beside 'read_url'"),
        (lambda: Message(role="developer"), "developer message is empty"),
        (lambda: Message(role="user", schema={}), "user message has 'schema'"),
        (lambda: Message(role="user", tools=[Tool(name="f")]), "user message has 'tools'; expected on .* of system"),
        (lambda: Message(role="tool", reasoning=""), "tool message has 'reasoning'"),
        (lambda: ask(Message(role="user", task="query"), Message(role="user")), "expected its answer or the end"),
        (lambda: ask(Message(role="user", task="query"), goes_on=False), "end of a finished conversation"),
        (lambda: ask(Message(role="user", task="query"), tool_choice="required"), "answered without tools"),
    ],
)
def test_what_no_encoding_knows_is_refused(build: Any, problem: str) -> None:
    with pytest.raises(RequestError, match=problem):
        build()


@pytest.mark.parametrize("text", ["1e999", "NaN", "[" * 100_000, "9" * 5000], ids=["huge", "nan", "deep", "long"])
def test_json_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"beyond|JSON|deep"):
        json_text.read(text)
