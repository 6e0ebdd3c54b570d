"""What can be asked of the engine, and what it answers: a stream of typed events."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sancai.engine.flow_sampler import FlowSettings
from sancai.errors import RequestError
from sancai.tokenizer import Call, Conversation, TextDelta, ThinkingDelta

Kind = Literal["chat", "image", "video"]
MOST_STEPS = 1000


@dataclass(frozen=True, kw_only=True)
class Request:
    """One question, picture or clip to make.

    prompt: what is asked; for a picture or clip it may be empty.
    conversation: several messages to answer instead of one prompt.  It says itself whether and how hard to think:
        models that were not trained for efforts want `effort="low"`.
    pictures: uint8 RGBA arrays (H, W, 4) that come before the prompt.
    frames: of a clip.  steps, guidance: of the flow.  max_tokens, temperature: of text.
    """

    kind: Kind
    prompt: str = ""
    conversation: Conversation | None = None
    pictures: Sequence[np.ndarray] = ()
    seed: int = 0
    frames: int = 8
    steps: int = FlowSettings.steps
    guidance: float = FlowSettings.guidance
    think: bool = False
    max_tokens: int = 128
    temperature: float = 0.0

    def __post_init__(self) -> None:
        checks = (
            (self.kind in ("chat", "image", "video"), f"kind is {self.kind!r}; expected chat, image or video"),
            (1 <= self.frames <= 64, f"frames is {self.frames}; choose 1 to 64"),
            (1 <= self.steps <= MOST_STEPS, f"steps is {self.steps}; choose 1 to {MOST_STEPS} (12 is usual)"),
            (0 <= self.guidance <= 20, f"guidance is {self.guidance}; choose 0 to 20 (1 is none, 4 is usual)"),
            (self.max_tokens >= 1, f"max_tokens is {self.max_tokens}; choose at least 1"),
            (0 <= self.temperature <= 10, f"temperature is {self.temperature}; choose 0 to 10"),
            (0 <= self.seed < 2**63, f"seed is {self.seed}; choose 0 to 2⁶³ − 1"),
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


@dataclass(frozen=True)
class Progress:
    """Denoising step `step` of `steps` is done."""

    step: int
    steps: int


@dataclass(frozen=True)
class Clip:
    """Finished frames, uint8 RGBA (F, H, W, 4); a picture is a clip of one frame."""

    frames: np.ndarray


@dataclass(frozen=True)
class Usage:
    """What the request took."""

    prompt_tokens: int
    text_tokens: int
    visual_tokens: int
    seconds: float


Event = TextDelta | ThinkingDelta | Call | Progress | Clip | Usage
