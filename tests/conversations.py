"""Random conversations that tests of the prompt encoding share."""

import json
import random
from collections.abc import Sequence
from typing import Any

from tokenizers import AddedToken
from tokenizers import Tokenizer as Backend

from sancai.tokenizer import Conversation, Message, Tokenizer, Tool, ToolCall, render
from sancai.tokenizer.control import DSML, EXTRACTED_URL, FIM_BEGIN, FIM_END, FIM_HOLE, REMINDER, SYSTEM

TASKS = ("action", "query", "authority", "domain", "title", "read_url")
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
PLAIN = ["", "p", "q", "r", "s", "t", "u", "v", "w", "x", "y"]
SPELLED = ["", "<｜User｜>", "</think>", "｜DSML｜", "<｜Assistant｜><think>", "a<｜action｜>", "<｜end▁of▁sentence｜>",
           "<｜fim▁hole｜>", "<｜latest_reminder｜>b", "<｜System｜>", "<｜begin▁of▁sentence｜>"]  # fmt: skip
"""Words in the same places of two lists: what only `SPELLED` says must not change how a prompt is built."""
ORDINARY = [word for word in WORDS if word and word != "\n"]


class Draw:
    """Random conversations that hold every kind of message, in every order."""

    def __init__(self, seed: int, words: Sequence[str] = WORDS, numbers: Sequence[Any] = NUMBERS) -> None:
        self.rng, self.words, self.numbers = random.Random(seed), words, numbers

    def word(self) -> str:
        return self.rng.choice(self.words)

    def value(self, depth: int = 0) -> Any:
        kind = self.rng.random()
        if kind < 0.3 or depth > 2:
            return self.word()
        if kind < 0.6:
            return self.rng.choice(self.numbers)
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


class Ordinary:
    """Random conversations as people and agents hold them: on these DeepSeek's two encoders agree.

    Every answer follows a question, results take the order of their calls, reminders stand before questions, and
    thinking is told where it is kept.  Developers and quick tasks, which only the encoder beside the released
    weights knows, may come anywhere.
    """

    def __init__(self, seed: int, *, has_later_systems: bool) -> None:
        self.rng, self.has_later_systems = random.Random(seed), has_later_systems
        self.thinking, self.tells_thinking, self.developer_has_tools = True, False, False

    def conversation(self) -> Conversation:
        rng = self.rng
        self.thinking, self.developer_has_tools = rng.random() < 0.7, rng.random() < 0.3
        tools = [self.tool() for _ in range(rng.randrange(1, 3))] if rng.random() < 0.3 else []
        self.tells_thinking = bool(tools) or self.developer_has_tools
        messages = [Message(role="system", content=rng.choice(["", self.word()]))] if rng.random() < 0.6 else []
        count = rng.randrange(1, 5)
        for number in range(count):
            messages += self.exchange(is_first=number == 0, is_last=number == count - 1)
        last = messages[-1]
        return Conversation(
            messages=messages, thinking=self.thinking, effort=rng.choice(["low", "high", "max"]), tools=tools,
            schema={"q": [1]} if rng.random() < 0.15 else None,
            goes_on=last.role != "assistant" or last.task is not None,
        )  # fmt: skip

    def exchange(self, is_first: bool, is_last: bool) -> list[Message]:
        rng, out = self.rng, []
        if rng.random() < 0.2:
            out.append(Message(role="latest_reminder", content=self.word()))
        if self.has_later_systems and not is_first and rng.random() < 0.15:
            out.append(Message(role="system", content=self.word()))
        out += self.questions()
        if is_last and rng.random() < 0.5:
            return out
        if out[-1].task:
            return [*out, Message(role="assistant", content=self.word())]
        for _ in range(rng.choice([0, 0, 1, 2])):
            out += self.calls()
        has_title = rng.random() < 0.2
        out.append(self.answer(task="title" if has_title else None))
        if has_title and not (is_last and rng.random() < 0.5):
            out.append(Message(role="assistant", content=self.word()))
        return out

    def questions(self) -> list[Message]:
        rng = self.rng
        tasks: Any = ["action", "query", "authority", "domain", "read_url"]
        task = rng.choice(tasks) if rng.random() < 0.25 else None
        if rng.random() < 0.35:
            tools = [self.tool()] if self.developer_has_tools and rng.random() < 0.5 else ()
            schema = {"x": 1} if rng.random() < 0.15 else None
            return [Message(role="developer", content=self.word(), task=task, tools=tools, schema=schema)]
        url = self.word() if task == "read_url" and rng.random() < 0.5 else None
        before = [] if task else [Message(role="user", content=self.word()) for _ in range(rng.choice([0, 0, 1]))]
        return [*before, Message(role="user", content=self.word(), task=task, url=url)]

    def calls(self) -> list[Message]:
        rng = self.rng
        calls = [ToolCall(id=f"c{n}", name=self.word(), arguments=self.arguments()) for n in range(rng.randrange(1, 4))]
        results = [Message(role="tool", content=self.word(), call_id=call.id) for call in calls]
        more = [Message(role="user", content=self.word())] if rng.random() < 0.3 else []
        return [self.answer(calls=calls), *results, *more]

    def answer(self, **parts: Any) -> Message:
        options = [self.word()] if self.tells_thinking else [None, "", self.word()]
        reasoning = self.rng.choice(options) if self.thinking else None
        return Message(role="assistant", content=self.rng.choice(["", self.word()]), reasoning=reasoning, **parts)

    def arguments(self) -> str:
        values: Any = [1, "s", None, True, [1, "x"], {"k": 2}]
        return json.dumps({self.word(): self.rng.choice(values) for _ in range(self.rng.randrange(1, 3))})

    def tool(self) -> Tool:
        schemas: Any = [{"type": "object"}, {"a": [1, True, None, {"b": "é"}]}]
        return Tool(name=self.word(), description=self.word(), parameters=self.rng.choice(schemas))

    def word(self) -> str:
        return self.rng.choice(ORDINARY)


def full_tokenizer() -> Tokenizer:
    """Return a small tokenizer with all control tokens that prompts use; its words cross the seams of prompts."""
    draw = Draw(seed=0)
    backend = Backend.from_str(
        Tokenizer.train([render(draw.conversation()) for _ in range(300)], 1500)._backend.to_str()
    )
    tasks = [f"<｜{task}｜>" for task in TASKS]
    backend.add_special_tokens([SYSTEM, REMINDER, EXTRACTED_URL, FIM_BEGIN, FIM_HOLE, FIM_END, *tasks])
    backend.add_tokens([AddedToken(DSML, special=False, normalized=False)])
    return Tokenizer(backend)
