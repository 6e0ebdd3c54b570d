"""What can be asked of the engine, and what it answers: a stream of typed events."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sancai.checkpoint import SamplingConfig
from sancai.engine.clip import Clip
from sancai.errors import RequestError
from sancai.tokenizer import CallDelta, Conversation, Malformed, TextDelta, ThinkingDelta, ToolCall

Kind = Literal["chat", "image", "video"]
MAX_SEED = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class Request:
    """One question, picture or clip to make.

    prompt: what is asked; for a picture or clip it may be empty.
    conversation: several messages to answer instead of one prompt.  It says itself whether and how hard to think:
        models that were not trained for efforts want `effort="low"`.
    pictures: uint8 RGBA arrays (H, W, 4) that come before the prompt.
    look: draw from this look instead of planning one.
    seed: any integer from 0 to 2⁶³ − 1, NumPy's too.
    frames: of a clip; None takes the model's usual number for the action.
    think: whether to think before answering; None takes the model's default.
    draws: whether a chat may draw where the model announces a picture.
    sampling: settings of denoising and of text; None takes the model's own.
    """

    kind: Kind
    prompt: str = ""
    conversation: Conversation | None = None
    pictures: Sequence[np.ndarray] = ()
    look: str | None = None
    seed: int = 0
    frames: int | None = None
    think: bool | None = None
    draws: bool = False
    sampling: SamplingConfig | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "seed", _integer(self.seed, "seed", "0 to 2⁶³ − 1"))
        if self.frames is not None:
            object.__setattr__(self, "frames", _integer(self.frames, "frames", "at least 1"))
        checks = (
            (self.kind in ("chat", "image", "video"), f"kind is {self.kind!r}; expected chat, image or video"),
            (isinstance(self.prompt, str), f"the prompt is of type {type(self.prompt).__name__}; expected a text"),
            (self.frames is None or self.frames >= 1, f"frames is {self.frames}; choose at least 1"),
            (0 <= self.seed <= MAX_SEED, f"seed is {self.seed}; choose 0 to 2⁶³ − 1"),
            (self.look is None or self.kind != "chat", "a look is for pictures and clips; a chat takes none"),
        )
        for holds, problem in checks:
            if not holds:
                raise RequestError(problem)
        if self.conversation is not None:
            self._check_conversation(self.conversation)
        elif self.kind == "chat" and not self.prompt.strip():
            raise RequestError("the prompt is empty; say something")

    def _check_conversation(self, conversation: Conversation) -> None:
        """Refuse a conversation beside what it replaces."""
        if self.kind != "chat":
            raise RequestError(f"a {self.kind} is made from a prompt; give one instead of a conversation")
        if self.prompt or self.pictures or self.think:
            raise RequestError(
                "a conversation comes with a prompt, pictures or think beside it; "
                "put the words into its messages and set its own `thinking`"
            )
        if not conversation.messages or not conversation.goes_on:
            raise RequestError("the conversation leaves nothing to answer; end it with a message and let it go on")


def _integer(value: Any, name: str, choices: str) -> int:
    """Return an integer of Python's or NumPy's as Python's."""
    try:
        return operator.index(value)
    except TypeError as error:
        raise RequestError(f"{name} is {value!r}; choose a whole number, {choices}") from error


@dataclass(frozen=True)
class Progress:
    """Denoising step `step` of `steps` is done."""

    step: int
    steps: int


@dataclass(frozen=True)
class Announcement:
    """In a chat, the model announced a picture or clip of so many frames; it follows if the request lets it draw."""

    frames: int


@dataclass(frozen=True)
class Usage:
    """What the request took."""

    prompt_tokens: int
    text_tokens: int
    visual_tokens: int
    seconds: float


Event = TextDelta | ThinkingDelta | CallDelta | ToolCall | Malformed | Progress | Announcement | Clip | Usage
