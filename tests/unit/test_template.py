"""Filling templates: whatever the model prefers, the text has the form."""

import json
import random

import pytest
import torch

from sancai.engine.card import CARD
from sancai.engine.template import Number, Words, fill, fits, is_filled

FORM = ('{"name": "', Words(6), '", "age": ', Number(20), "}")
TOKENS = [
    '{"',
    'name": "',
    '", "',
    "age",
    ": ",
    "}",
    '"',
    "Bo",
    "b",
    '",',
    "1",
    "9",
    "0",
    "12",
    " ",
    "ä",
    "\n",
    "\\",
    "",
]
LETTERS = [*TOKENS, *'{}":, nameg']
"""Tokens that begin and end anywhere, and every single character: what no tokenizer lacks."""
FILLED = ['{"name": "Bob", "age": 12}', '{"name": "a b", "age": 20}', '{"name": "b", "age": 1}']


@pytest.mark.parametrize("text", FILLED)
def test_every_beginning_of_a_filled_form_fits_and_only_the_whole_is_filled(text: str) -> None:
    assert all(fits(text[:n], FORM) for n in range(len(text) + 1))
    assert [n for n in range(len(text) + 1) if is_filled(text[:n], FORM)] == [len(text)]


@pytest.mark.parametrize(
    "text",
    [
        '{"title', '{"name": ""', '{"name": "Bobbobb', '{"name": "B\\"', '{"name": "B{', '{"name": "B", "age": 0',
        '{"name": "B", "age": 21', '{"name": "B", "age": x', '{"name": "B", "age": }', '{"name": "B", "age": 1} ',
    ],
)  # fmt: skip
def test_what_breaks_the_form_does_not_fit(text: str) -> None:
    assert not fits(text, FORM)


class Scripted:
    """A model that prefers its tokens at random, and remembers what it was given."""

    def __init__(self, seed: int, temperature: float = 1.0) -> None:
        self.random, self.temperature, self.taken = random.Random(seed), temperature, []
        self.generator = torch.Generator().manual_seed(seed)

    @property
    def logits(self) -> torch.Tensor:
        return torch.tensor([[self.random.uniform(-3, 3) for _ in LETTERS]])

    def accept(self, token: int) -> None:
        self.taken.append(token)


def spell(tokens: list[int]) -> str:
    return "".join(LETTERS[t] for t in tokens)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_random_preferences_give_the_form(seed: int, temperature: float) -> None:
    model = Scripted(seed, temperature)
    text = fill(model, FORM, spell)
    found = json.loads(text)
    assert 1 <= len(found["name"]) <= 6 and 1 <= found["age"] <= 20
    assert spell(model.taken) == text, "the model reads every token that it wrote"


def test_a_card_is_json_with_its_figures() -> None:
    text = (
        '{"name": "Osan", "title": "The Wise", "background": "He came. He stayed.", "stats": {"strength": 9, '
        '"agility": 8, "magic": 7, "defense": 20, "health": 200}}'
    )
    assert is_filled(text, CARD) and fits(text[:-30], CARD)
    assert list(json.loads(text)["stats"]) == ["strength", "agility", "magic", "defense", "health"]
    assert not fits(text.replace("200", "201"), CARD)
