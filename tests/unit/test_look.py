"""Looks: the vocabulary, how a look is read, and that constrained decoding writes nothing else."""

import dataclasses
import json
import pathlib
import random

import numpy as np
import pytest

from sancai.engine import LookVocabulary, load_looks
from sancai.engine.look import Slot
from sancai.engine.look_grammar import LookGrammar, allowed_tokens
from sancai.errors import CheckpointError, RequestError
from sancai.tokenizer import Tokenizer

RED, DARK, GREEN = (200, 20, 20), (90, 10, 10), (20, 160, 40)
VOCABULARY = LookVocabulary(
    (
        Slot("species", {"elf": (), "elf woman": ()}),
        Slot("hair", {"red hair": (DARK, RED), "long red hair": (RED,)}),
        Slot("top", {"red tunic": (RED,), "green tunic": (GREEN,)}),
        Slot("action", {"walking": (), "standing": ()}),
    ),
    needed=("species",),
)
NEEDS_TWO = dataclasses.replace(VOCABULARY, needed=("hair", "action"))
END = 10_000


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(["elf woman; long red hair; green tunic; red tunic; walking; standing"] * 20, 320)


def test_a_look_is_read_in_any_order_and_written_in_one() -> None:
    look = VOCABULARY.parse(" walking;  Green   TUNIC ;elf woman;\n")
    assert look.text == "elf woman; green tunic; walking"
    assert look.phrases == {"species": "elf woman", "top": "green tunic", "action": "walking"}
    assert VOCABULARY.parse(look.text) == look


@pytest.mark.parametrize(
    ("text", "problem"),
    [("", "is empty"), (" ; ", "is empty"), ("elf; gren tunic", "did you mean 'green tunic'"),
     ("elf; green tunic; red tunic", "both 'green tunic' and 'red tunic'"), ("elf; 123", "none of the model's"),
     ("walking; red hair", "does not name its species; add one of its phrases, such as elf, elf woman")],
)  # fmt: skip
def test_a_look_that_cannot_be_read_is_refused(text: str, problem: str) -> None:
    with pytest.raises(RequestError) as caught:
        VOCABULARY.parse(text)
    assert problem in str(caught.value)


def test_the_palette_of_a_look_is_that_of_its_phrases() -> None:
    assert VOCABULARY.palette(VOCABULARY.parse("elf; red hair; green tunic")).tolist() == [
        list(GREEN), list(DARK), list(RED),
    ]  # fmt: skip
    nothing = VOCABULARY.palette(VOCABULARY.parse("elf; walking"))
    assert nothing.shape == (0, 3) and nothing.dtype == np.uint8


def test_the_vocabulary_is_read_from_the_model_folder(tmp_path: pathlib.Path) -> None:
    assert load_looks(tmp_path) is None
    slots = {s.name: dict(s.phrases) for s in VOCABULARY.slots}
    (tmp_path / "looks.json").write_text(json.dumps({"separator": "; ", "needed": ["species"], "slots": slots}))
    assert load_looks(tmp_path) == VOCABULARY


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"slots": {}}', '{"slots": {"a": {"x": [[1, 2]]}}}', '{"slots": {"a": {"x; y": []}}}',
     '{"slots": {"a": {"Elf": []}}}', '{"slots": {"a": {"x": []}, "b": {"x": []}}}',
     '{"needed": ["b"], "slots": {"a": {"x": []}}}'],
)  # fmt: skip
def test_a_damaged_vocabulary_is_refused(tmp_path: pathlib.Path, content: str) -> None:
    (tmp_path / "looks.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"looks\.json is not a vocabulary"):
        load_looks(tmp_path)


@pytest.mark.parametrize("vocabulary", [VOCABULARY, NEEDS_TWO, dataclasses.replace(VOCABULARY, needed=())])
def test_whatever_is_chosen_among_the_allowed_tokens_parses(tokenizer: Tokenizer, vocabulary: LookVocabulary) -> None:
    grammar, rng, seen = LookGrammar.build(vocabulary, tokenizer.encode), random.Random(0), set()
    for _ in range(300):
        tokens: list[int] = []
        while (token := rng.choice(sorted(allowed_tokens(grammar, tokens, END)))) != END:
            tokens.append(token)
        text = tokenizer.decode(tokens)
        assert vocabulary.parse(text).text == text
        assert tokens == tokenizer.encode(text), "the tokens are those that training saw"
        seen.update(text.split("; "))
    assert seen == set(VOCABULARY.slot_of)


def test_every_look_can_be_written(tokenizer: Tokenizer) -> None:
    grammar = LookGrammar.build(VOCABULARY, tokenizer.encode)
    for text in ("elf", "elf woman; long red hair; red tunic; standing", "elf; walking", "elf woman; red tunic"):
        tokens = [*tokenizer.encode(text), END]
        for number, token in enumerate(tokens):
            assert token in allowed_tokens(grammar, tokens[:number], END), (text, number)


def test_a_look_may_end_after_a_phrase_only_and_slots_do_not_come_back(tokenizer: Tokenizer) -> None:
    grammar = LookGrammar.build(VOCABULARY, tokenizer.encode)
    assert END not in allowed_tokens(grammar, [], END)
    assert END not in allowed_tokens(grammar, tokenizer.encode("elf;"), END)
    assert allowed_tokens(grammar, tokenizer.encode("elf; walking"), END) == {END}


def test_a_slot_that_every_look_fills_cannot_be_passed_over(tokenizer: Tokenizer) -> None:
    grammar = LookGrammar.build(NEEDS_TWO, tokenizer.encode)
    first = {tokenizer.encode(phrase)[0] for phrase in ("elf", "red hair", "long red hair")}
    assert allowed_tokens(grammar, [], END) == first
    assert END not in allowed_tokens(grammar, tokenizer.encode("red hair; red tunic"), END)
