"""Inference: requests → events."""

from sancai.checkpoint import GenerationConfig, SamplingConfig
from sancai.engine.clip import FPS, Clip
from sancai.engine.engine import Engine, OnStep
from sancai.engine.look import LOOKS, Look, LookVocabulary, load_looks
from sancai.engine.request import Announcement, Event, Progress, Request, Usage
from sancai.tokenizer import Call, TextDelta, ThinkingDelta

__all__ = [
    "FPS", "LOOKS", "Announcement", "Call", "Clip", "Engine", "Event", "GenerationConfig", "Look", "LookVocabulary",
    "OnStep", "Progress", "Request", "SamplingConfig", "TextDelta", "ThinkingDelta", "Usage", "load_looks",
]  # fmt: skip
