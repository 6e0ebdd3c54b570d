"""A character's card: name, title, background and figures, written by the text half into a fixed form."""

import json
from typing import Any

import torch

from sancai.engine.planner import Continuation
from sancai.engine.runner import ModelRunner
from sancai.engine.template import Number, Template, Words, fill
from sancai.tokenizer import Writer

REQUEST = "make a character card"
TEMPERATURE = 0.7
CARD: Template = (
    '{"name": "', Words(40), '", "title": "', Words(60), '", "background": "', Words(400), '", "stats": {"strength": ',
    Number(20), ', "agility": ', Number(20), ', "magic": ', Number(20), ', "defense": ', Number(20), ', "health": ',
    Number(200), "}}",
)  # fmt: skip


def write_card(runner: ModelRunner, prompt: str, look: str, seed: int) -> dict[str, Any]:
    """Return the card of a character that was drawn from a look: name, title, background and stats.

    Args:
        prompt: what the user asked for; the look itself where a character was made from a look.
        seed: the same seed gives the same card.
    """
    writer = Writer(runner.tokenizer).user([prompt]).assistant(think=look).announce(1)
    document = writer.user([REQUEST]).assistant().finish()
    generator = torch.Generator().manual_seed(seed)
    card: dict[str, Any] = json.loads(
        fill(Continuation(runner, document, TEMPERATURE, generator), CARD, runner.tokenizer.decode)
    )
    return card
