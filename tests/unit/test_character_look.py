"""Looks name a character exactly: every phrase is unique, and what was written is read back the same."""

import json
import random
from collections.abc import Iterator

import numpy as np
import pytest

from sancai.data.characters.library import Character, Library
from sancai.data.characters.look import Look, Looks, LookVocabulary
from sancai.data.characters.palette import vocabulary
from sancai.data.characters.prepare import catalog
from sancai.data.characters.split import draw_character
from sancai.data.characters.synthetic import synthetic_library
from sancai.errors import DataError

PLAIN = "man; fair skin; blue eyes; short red hair; green t-shirt; blue trousers; walking; facing left"


@pytest.fixture(scope="module")
def looks() -> Looks:
    return Looks(synthetic_library())


def characters(looks: Looks, count: int) -> Iterator[tuple[Character, str]]:
    rng = random.Random(3)
    return (draw_character(looks.library, rng) for _ in range(count))


def test_every_phrase_stands_for_one_thing(looks: Looks) -> None:
    phrases = [phrase for found in looks.vocabulary.slots.values() for phrase in found]
    assert len(set(phrases)) == len(phrases)
    things = [*looks.bodies, *looks.eyes, *looks.items, *looks.actions, *looks.facings]
    assert len(phrases) == len(things) + len({skin for _, skin in looks.skins})


def test_every_phrase_of_the_real_art_stands_for_one_thing() -> None:
    empty = {name: np.zeros(0) for name in ("boxes", "offsets", "pixels", "palettes", "ramps")}
    items = {key: {**item, "anims": {}, "colors": item["colors"] or {}} for key, item in catalog.ITEMS.items()}
    species = {
        key: {**spec, "anims": {"man": [], "woman": []}, "skins": {s: catalog.SKIN[s] for s in spec["skins"]}}
        for key, spec in catalog.SPECIES.items()
    }
    info = {
        "animations": catalog.ANIMATIONS, "directions": catalog.DIRECTIONS, "species": species, "items": items,
        "sheets": [], "slots": catalog.SLOTS, "eye_words": catalog.EYE,
    }  # fmt: skip
    vocabulary = Looks(Library(info, empty)).vocabulary
    assert sum(map(len, vocabulary.slots.values())) > 1000
    assert "red pirate hat" in vocabulary.slots["hat"] and "lizardwoman" in vocabulary.slots["body"]


def test_two_things_with_one_phrase_are_refused() -> None:
    library = synthetic_library()
    items = {**library.items, "staff": {**library.items["staff"], "phrase": "a {c} cape"}}
    with pytest.raises(DataError, match="a phrase of its own"):
        Looks(Library({**library.info, "items": items}, vars(library)))


def test_a_look_is_read_back_as_the_same_character(looks: Looks) -> None:
    for who, direction in characters(looks, 200):
        look = looks.of(who, direction)
        again, facing = looks.character(looks.parse(str(look)))
        eyes = who["eyes"] if looks.has_eyes(who["species"]) else None
        assert (again, facing) == ({**who, "eyes": eyes}, direction)
        assert not looks.undrawn(look)


def test_phrases_come_in_a_fixed_order_without_articles(looks: Looks) -> None:
    assert str(looks.parse(PLAIN)) == PLAIN
    shuffled = PLAIN.split("; ")
    random.Random(0).shuffle(shuffled)
    assert str(looks.parse(" ;".join(shuffled).upper())) == PLAIN
    words = {word for phrases in looks.vocabulary.slots.values() for p in phrases for word in p.split()}
    assert not words & {"a", "an", "the"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("man; grean t-shirt; walking; facing left", r"'grean t-shirt'; did you mean 'green t-shirt' \(top\)"),
        ("man; qqqq; walking; facing left", "unknown phrase 'qqqq'; expected phrases for body, skin"),
        ("man; walking; standing; facing left", "names action twice: 'walking' and 'standing'"),
        ("man; walking", "does not name its facing; add one of facing away"),
        ("walking; facing left", "does not name its body"),
    ],
)
def test_a_wrong_look_is_refused_with_help(looks: Looks, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        looks.parse(text)


def test_changing_a_look_keeps_its_order(looks: Looks) -> None:
    look = looks.parse(PLAIN)
    changed = looks.vocabulary.change(look, {"cape": "red cape", "bottom": None})
    assert str(changed) == PLAIN.replace("blue trousers", "red cape")
    assert look.get("bottom") == "blue trousers" and changed.get("bottom") is None


def test_the_seen_look_leaves_out_what_does_not_show(looks: Looks) -> None:
    who, _ = looks.character(looks.parse(PLAIN))
    assert str(looks.seen(who, "west", 0)) == PLAIN
    assert looks.seen(who, "north", 0).get("eyes") is None
    for who, direction in characters(looks, 40):
        full, seen = looks.of(who, direction), looks.seen(who, direction, 0)
        assert set(seen.parts) <= set(full.parts)
        left = looks.character(seen)[0]
        for slot in set(who["items"]) - set(left["items"]):
            assert looks.library.visible(who, direction, [0])[slot] < 4


def test_what_the_art_lacks_is_told(looks: Looks) -> None:
    look = looks.parse("man; green skin; red cape; collapsing; facing left")
    assert looks.undrawn(look) == ["green skin", "red cape", "facing left"]


def test_the_colours_of_a_look_hold_every_pixel_of_its_picture(looks: Looks) -> None:
    told = vocabulary(looks.library)
    for who, direction in characters(looks, 60):
        colors = {tuple(c) for c in told.colors(looks.of(who, direction)).tolist()}
        clip = looks.library.clip(who, direction)
        drawn = {tuple(c) for c in np.unique(clip[clip[..., 3] > 0][:, :3], axis=0).tolist()}
        assert drawn <= colors
        assert len(colors) <= 40


def test_a_phrase_brings_only_its_own_colours(looks: Looks) -> None:
    told = vocabulary(looks.library)
    tones = {tuple(tone) for tone in told.slots["eyes"]["blue eyes"]}
    assert tones == {(40, 96, 210)}
    assert not tones & {tuple(tone) for tone in told.slots["top"]["green t-shirt"]}


def test_the_vocabulary_survives_json(looks: Looks) -> None:
    told = vocabulary(looks.library)
    again = LookVocabulary.from_json(json.loads(json.dumps(told.to_json())))
    assert again.to_json() == told.to_json()
    assert list(again.slots) == list(looks.vocabulary.slots)
    look: Look = again.parse(PLAIN)
    assert np.array_equal(again.colors(look), told.colors(look))
    with pytest.raises(DataError, match="is damaged"):
        LookVocabulary.from_json({})
