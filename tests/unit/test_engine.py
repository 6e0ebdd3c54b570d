"""Requests are asked as they are encoded, and answers are read by their tokens."""

import pathlib
import random
from typing import Any

import pytest

from builders import random_model, small_config
from conversations import full_tokenizer
from sancai.api import Sancai
from sancai.device.platform import get_platform
from sancai.engine import (
    Engine,
    Event,
    GenerationConfig,
    Malformed,
    Request,
    SamplingConfig,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    Usage,
)
from sancai.engine import engine as engine_module
from sancai.engine.token_sampler import TextAssembler
from sancai.errors import AnswerError, RequestError
from sancai.tokenizer import V4, Conversation, Message, Tool
from sancai.tokenizer.control import DSML


@pytest.fixture(scope="module")
def engine() -> Engine:
    tokenizer = full_tokenizer()
    return Engine(
        random_model(small_config(vocab_size=tokenizer.vocab_size, visual=None)), tokenizer, get_platform("cpu")
    )


def answer(engine: Engine, **parts: Any) -> list[Event]:
    sampling = SamplingConfig(max_tokens=parts.pop("max_tokens", 128))
    return list(engine.generate(Request(kind="chat", sampling=sampling, **parts)))


def user(text: str) -> Message:
    return Message(role="user", content=text)


@pytest.mark.parametrize("think", [False, True])
def test_a_conversation_of_one_message_is_the_prompt(
    engine: Engine, think: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "sample_token", lambda logits, *_: 20 + int(logits[20:].argmax()))  # words only
    talk = Conversation(messages=[user("why </think> 12?")], thinking=think, effort="low")
    one = answer(engine, prompt="why </think> 12?", think=think, max_tokens=12)
    several = answer(engine, conversation=talk, max_tokens=12)
    assert one[:-1] == several[:-1] and one[-1].prompt_tokens == several[-1].prompt_tokens


@pytest.mark.parametrize(("lower_case", "heard"), [(True, "what is this?"), (False, "What is THIS?")])
def test_capitals_are_lost_only_on_a_model_that_never_saw_any(
    engine: Engine, lower_case: bool, heard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Engine(engine.model, engine.tokenizer, engine.platform, GenerationConfig(lower_case=lower_case))
    read: list[str] = []
    encode = engine.tokenizer.encode
    monkeypatch.setattr(engine.tokenizer, "encode", lambda text: read.append(text) or encode(text))
    answer(other, prompt=" What is THIS? ", max_tokens=1)
    answer(other, conversation=Conversation(messages=[user("What is THIS?")], thinking=False), max_tokens=1)
    assert [text for text in read if "his" in text.lower()] == [heard, heard]


def test_every_message_of_a_conversation_is_read(engine: Engine) -> None:
    messages = [
        Message(role="system", content="be brief"),
        user("a"),
        Message(role="assistant", content="b"),
        user("c"),
    ]
    talk = Conversation(messages=messages, thinking=False, effort="low")
    (*_, usage) = answer(engine, conversation=talk, max_tokens=1)
    assert isinstance(usage, Usage)
    assert usage.prompt_tokens == len(engine.tokenizer.encode_conversation(talk))


def script(monkeypatch: pytest.MonkeyPatch, tokens: list[int]) -> None:
    """Let the model say these tokens."""
    following = iter(tokens)
    monkeypatch.setattr(engine_module, "sample_token", lambda *_: next(following))


def test_thinking_ends_with_its_token_and_not_with_words(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    tok = engine.tokenizer
    script(monkeypatch, [*tok.encode("a </think> b"), tok.end_think, *tok.encode("c </think>"), tok.end_think, tok.eos])
    events = answer(engine, prompt="?", think=True)
    assert "".join(e.text for e in events if isinstance(e, ThinkingDelta)) == "a </think> b"
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == "c </think>"


def test_a_tool_is_called_if_it_was_offered(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    tok = engine.tokenizer
    said = f'hm\n\n<{V4.calls}>\n<{V4.invoke} name="f">\n</{V4.invoke}>\n</{V4.calls}>'
    tokens = [i for part in said.split(DSML) for i in (*tok.encode(part), tok.id_of(DSML))][:-1]
    for tools, wanted in (([Tool(name="f")], [ToolCall(id="call_00001", name="f", arguments="{}")]), ([], [])):
        script(monkeypatch, [*tokens, tok.eos])
        talk = Conversation(messages=[user("?")], thinking=False, effort="low", tools=tools)
        events = answer(engine, conversation=talk)
        assert [e for e in events if isinstance(e, ToolCall)] == wanted
        text = "".join(e.text for e in events if isinstance(e, TextDelta))
        assert text == ("hm" if tools else said)


def test_a_call_that_is_cut_off_is_not_passed_over(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    tok = engine.tokenizer
    tokens = [*tok.encode("hm\n\n<"), tok.id_of(DSML), *tok.encode("tool_calls>\n")]
    script(monkeypatch, tokens)
    talk = Conversation(messages=[user("?")], thinking=False, effort="low", tools=[Tool(name="f")])
    events = answer(engine, conversation=talk, max_tokens=len(tokens))
    assert next(e for e in events if isinstance(e, Malformed)).problem.startswith(
        "the block of tool calls ends without"
    )
    script(monkeypatch, tokens)
    model = Sancai(engine, pathlib.Path("x"))
    with pytest.raises(AnswerError, match="the block of tool calls ends without") as caught:
        model.chat(talk, max_tokens=len(tokens))
    assert caught.value.answer.text == "hm"


def test_an_error_about_a_call_carries_all_that_was_read(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    tok = engine.tokenizer
    good = f'<{V4.invoke} name="f">\n</{V4.invoke}>\n'
    said = f"hm\n\n<{V4.calls}>\n{good}{good.replace('>', '>oops', 1)}{good}</{V4.calls}>"
    tokens = [i for part in said.split(DSML) for i in (*tok.encode(part), tok.id_of(DSML))][:-1]
    script(monkeypatch, [*tok.encode("so"), tok.end_think, *tokens, tok.eos])
    talk = Conversation(messages=[user("?")], effort="low", tools=[Tool(name="f")])
    with pytest.raises(AnswerError, match=r"tool call 2 \(f\): the call of 'f' holds 'oops") as caught:
        Sancai(engine, pathlib.Path("x")).chat(talk, max_tokens=500)
    got = caught.value.answer
    assert (got.text, got.thinking, [c.id for c in got.calls]) == ("hm", "so", ["call_00001", "call_00003"])
    assert [m.number for m in got.malformed] == [2]


def test_half_a_character_at_the_end_is_told(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    tok = engine.tokenizer
    script(monkeypatch, [*tok.encode("a 🚀")[:-1], tok.eos])
    events = answer(engine, prompt="?", think=False)
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == "a \ufffd"


def test_every_token_is_decoded_once_and_to_what_decoding_all_gives(engine: Engine) -> None:
    tok, rng = engine.tokenizer, random.Random(0)
    text = "温度 🚀 a\ufffdb é ｜DSML｜ <｜User｜> ضحك\n"
    ids = [*tok.encode(text), tok.eos, tok.id_of(DSML), *rng.choices(range(tok.vocab_size), k=3000)]
    asked: list[int] = []
    assembler = TextAssembler(lambda token: asked.append(token) or tok.token_bytes(token))
    assert "".join(map(assembler.add, ids)) + assembler.finish() == tok.decode(ids)
    assert asked == ids


TALK = Conversation(messages=[user("hi")])


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ({"kind": "chat"}, "prompt is empty"),
        ({"kind": "image", "conversation": TALK}, "made from a prompt"),
        ({"kind": "chat", "prompt": "hi", "conversation": TALK}, "beside it"),
        ({"kind": "chat", "think": True, "conversation": TALK}, "set its own `thinking`"),
        ({"kind": "chat", "conversation": Conversation(messages=[])}, "nothing to answer"),
        ({"kind": "chat", "conversation": Conversation(messages=[user("hi")], goes_on=False)}, "nothing to answer"),
    ],
)
def test_a_request_without_one_question_is_refused(parts: dict[str, Any], problem: str) -> None:
    with pytest.raises(RequestError, match=problem):
        Request(**parts)
