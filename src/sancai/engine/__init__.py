"""Inference: requests → events."""

from sancai.checkpoint import GenerationConfig, SamplingConfig
from sancai.engine.card import write_card
from sancai.engine.clip import FPS, Clip
from sancai.engine.engine import Engine, OnStep
from sancai.engine.look import LOOKS, Look, LookVocabulary, load_looks
from sancai.engine.planner import Plan
from sancai.engine.request import Announcement, Event, Progress, Request, Usage
from sancai.tokenizer import CallDelta, Malformed, TextDelta, ThinkingDelta, ToolCall

__all__ = [
    "FPS", "LOOKS", "Announcement", "CallDelta", "Clip", "Engine", "Event", "GenerationConfig", "Look",
    "LookVocabulary", "Malformed", "OnStep", "Plan", "Progress", "Request", "SamplingConfig", "TextDelta",
    "ThinkingDelta", "ToolCall", "Usage", "load_looks", "write_card",
]  # fmt: skip
