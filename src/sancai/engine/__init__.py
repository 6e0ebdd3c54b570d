"""Inference: requests → events."""

from sancai.engine.engine import Engine
from sancai.engine.flow_sampler import FlowSettings, denoise
from sancai.engine.request import Clip, Event, Progress, Request, Usage
from sancai.tokenizer import Call, TextDelta, ThinkingDelta

__all__ = [
    "Call", "Clip", "Engine", "Event", "FlowSettings", "Progress", "Request", "TextDelta", "ThinkingDelta", "Usage",
    "denoise",
]  # fmt: skip
