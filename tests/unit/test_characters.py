"""Characters, captions, questions, edits and sums are right by construction; tested on the pack drawn by code."""

import itertools
import json
import random
import re
from collections.abc import Iterator, Mapping

import numpy as np
import pytest

from sancai.data.arithmetic import addition, subtraction
from sancai.data.characters import Characters, CharactersConfig, split
from sancai.data.characters import dataset as dataset_module
from sancai.data.characters.captions import LEAST_PIXELS, caption, phrase
from sancai.data.characters.library import Character, Library
from sancai.data.characters.questions import QUESTIONS, Asker, Editor
from sancai.data.characters.sampling import sample_character
from sancai.data.characters.split import attributes, draw_character, is_held_out
from sancai.data.characters.synthetic import synthetic_library
from sancai.data.characters.texts import sample_texts
from sancai.errors import ConfigError, DataError
from sancai.sequence import Block, Document, Text
from sancai.tokenizer import Tokenizer

TASKS = ("image", "video", "animate", "edit", "vqa", "arithmetic", "dialogue")
STEP = re.compile(r"(\d+) ([+-]) (\d+)(?: \+ (\d+))? = (\d+)")


@pytest.fixture(scope="module")
def library() -> Library:
    return synthetic_library()


@pytest.fixture(scope="module")
def tokenizer(library: Library) -> Tokenizer:
    return Tokenizer.train(sample_texts(library, random.Random(0), 50), 400)


@pytest.fixture
def dataset(library: Library, tokenizer: Tokenizer) -> Characters:
    return Characters(library, tokenizer, CharactersConfig(image_copies=2))


def characters(library: Library, count: int, *, held_out: bool = False) -> Iterator[tuple[Character, str]]:
    rng = random.Random(5)
    return (draw_character(library, rng, held_out=held_out) for _ in range(count))


def plain(library: Library, action: str = "walk") -> Character:
    """Return a man in trousers and a shirt."""
    return {
        "species": "human", "build": "man", "skin": "light", "eyes": "blue", "action": action,
        "items": {"hair": ["short", "red"], "top": ["t_shirt", "green"], "bottom": ["trousers", "blue"]},
    }  # fmt: skip


# -- drawing -----------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_character_and_picture(library: Library) -> None:
    first, second = (draw_character(library, random.Random(9)) for _ in range(2))
    assert first == second
    assert first != draw_character(library, random.Random(10))
    assert np.array_equal(library.clip(*first), library.clip(*second))


def test_a_character_is_drawn_again_from_json(library: Library) -> None:
    who, direction = draw_character(library, random.Random(3))
    assert np.array_equal(library.clip(json.loads(json.dumps(who)), direction), library.clip(who, direction))


@pytest.mark.parametrize("action", ["walk", "idle", "slash", "hurt"])
def test_every_frame_and_direction_differs(library: Library, action: str) -> None:
    who = plain(library, action)
    frames = {
        (direction, frame): library.frame(who, direction, frame).tobytes()
        for direction in library.facings(action)
        for frame in set(library.animations[action]["clip"])
    }
    assert len(set(frames.values())) == len(frames)


def test_every_species_build_and_item_is_drawn_in_its_actions(library: Library) -> None:
    for species, spec in library.species.items():
        for build, actions in spec["anims"].items():
            for action in actions:
                slots = {slot: library.choices(slot, species, build, action) for slot in library.slots}
                for key in itertools.chain.from_iterable(slots.values()):
                    item = library.items[key]
                    who = {
                        "species": species, "build": build, "skin": next(iter(spec["skins"]), None), "eyes": "blue",
                        "action": action, "items": {item["slot"]: [key, next(iter(item["colors"]))]},
                    }  # fmt: skip
                    assert library.visible(who, library.facings(action)[0], [0])[item["slot"]] > 0, (
                        species,
                        key,
                        action,
                    )


def test_eyes_show_from_the_front_only(library: Library) -> None:
    blue, brown = plain(library), plain(library) | {"eyes": "brown"}
    for direction, shown in (("south", True), ("west", True), ("east", True), ("north", False)):
        assert np.array_equal(library.frame(blue, direction, 0), library.frame(brown, direction, 0)) != shown


def test_a_character_wears_only_what_was_drawn_for_its_action(library: Library) -> None:
    rng = random.Random(2)
    for _ in range(100):
        who = sample_character(library, rng)
        for slot, (key, _) in who["items"].items():
            assert library.items[key]["slot"] == slot
            assert key in library.choices(slot, who["species"], who["build"], who["action"])


# -- captions ----------------------------------------------------------------------------------


def test_captions_mention_exactly_what_is_visible(library: Library) -> None:
    for who, direction in characters(library, 60):
        visible = library.visible(who, direction)
        text = caption(library, who, direction, visible=visible)
        for slot, item in who["items"].items():
            assert (phrase(library, slot, *item) in text) == (visible[slot] >= LEAST_PIXELS), (text, slot)


def test_captions_leave_out_what_is_not_to_be_mentioned(library: Library) -> None:
    who = plain(library)
    text = caption(library, who, "east", mention={"top"})
    assert text == "a man wearing a green t-shirt, walking to the right"
    assert caption(
        library, who, "south", mention=set(), video=False
    ) == "a man, walking, facing away from the viewer".replace("away from", "towards")


# -- split -------------------------------------------------------------------------------------


@pytest.mark.parametrize("held_out", [False, True])
def test_characters_are_drawn_from_one_side_of_the_split(library: Library, held_out: bool) -> None:
    for who, direction in characters(library, 40, held_out=held_out):
        assert is_held_out(attributes(library, who, direction)) == held_out


def is_reserved(flat: Mapping[str, str | None]) -> bool:
    """Return the rule of the split and one more: this small pack reserves no pair of species and action."""
    return is_held_out(flat) or (flat["species"], flat["action"]) == ("orc", "slash")


def shown(dataset: Characters, task: str, count: int, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Return for every picture that goes into documents whether its character is reserved."""
    drawn: list[bool] = []
    frame = dataset.library.frame

    def watch(who: Character, direction: str, number: int) -> np.ndarray:
        drawn.append(is_reserved(attributes(dataset.library, who, direction)))
        return frame(who, direction, number)

    with monkeypatch.context() as patch:
        patch.setattr(split, "is_held_out", is_reserved)
        patch.setattr(dataset.library, "frame", watch)
        dataset.documents(task, count, random.Random(4))
    return drawn


@pytest.mark.parametrize("task", ["image", "video", "animate", "edit", "vqa"])
def test_no_document_shows_a_held_out_character(
    dataset: Characters, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset_module, "is_held_out", is_reserved)
    drawn = shown(dataset, task, 30, monkeypatch)
    assert drawn and not any(drawn)


@pytest.mark.parametrize("task", ["animate", "edit"])
def test_without_the_split_check_edits_and_actions_would_leak(
    dataset: Characters, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset_module, "is_held_out", lambda flat: False)
    assert any(shown(dataset, task, 40, monkeypatch))


# -- questions, edits and sums -----------------------------------------------------------------


def test_answers_follow_from_the_character(library: Library) -> None:
    rng = random.Random(6)
    for who, direction in characters(library, 60):
        visible = library.visible(who, direction, [0])
        asker = Asker(library, who, direction, visible, rng)
        seen = {slot for slot in who["items"] if visible[slot] >= 6}
        for kind in asker.kinds:
            pair = asker.kinds[kind]()
            if pair is not None:
                check_answer(library, who, seen, kind, *pair)


def test_a_kind_asked_for_is_asked_and_unanswerable_choices_are_refused(library: Library) -> None:
    (who, direction), *_ = characters(library, 1)
    asker = Asker(library, who, direction, library.visible(who, direction, [0]), random.Random(3))
    assert set(asker.kinds) == set(QUESTIONS)
    assert {asker.ask(("direction",))[0] for _ in range(5)} == {"direction"}
    with pytest.raises(ConfigError, match="unknown kinds of questions \\['age'\\]"):
        CharactersConfig(kinds=("direction", "age"))
    with pytest.raises(ConfigError, match="add direction or action"):
        CharactersConfig(kinds=("count",))


def check_answer(library: Library, who: Character, seen: set[str], kind: str, question: str, answer: str) -> None:
    if kind == "has":
        words = {"weapon": "a weapon", "hair": "visible hair", "hat": "headwear", "cape": "a cape",
                 "top": "clothes on the upper body", "bottom": "clothes on the legs"}  # fmt: skip
        asked = [slot for slot, word in words.items() if f"have {word}?" in question]
        assert answer == ("yes" if set(asked) & seen else "no"), question
    if kind == "count":
        assert answer == str(len(seen & {"hat", "cape", "weapon"}))
    if kind == "color":
        slot = {"hair": "hair", "headwear": "hat", "top": "top", "lower garment": "bottom", "cape": "cape"}[
            question.removesuffix("?").split(" the ")[1]
        ]
        key, color = who["items"][slot]
        assert slot in seen and answer == library.items[key]["colors"][color]
    if kind == "wears":
        assert answer in {phrase(library, slot, *who["items"][slot]) for slot in seen}


def test_edits_change_what_they_say_and_nothing_else(library: Library) -> None:
    rng = random.Random(8)
    for who, direction in characters(library, 80):
        before = json.dumps(who)
        words, after, facing = Editor(library, who, direction, rng).edit()
        assert json.dumps(who) == before, "an edit must not change its input"
        changed = {s for s in library.slots if who["items"].get(s) != after["items"].get(s)}
        differences = len(changed) + (direction != facing) + (who["action"] != after["action"])
        assert differences == 1, words
        for slot in changed & set(after["items"]):
            key, color = after["items"][slot]
            assert library.items[key]["colors"][color] in words


def test_a_character_that_allows_no_edit_is_refused(library: Library) -> None:
    bare = {**plain(library, "hurt"), "species": "skeleton", "skin": None, "items": {}}
    assert Editor(library, bare, "south", random.Random(0)).edit()[0].startswith("add a")
    weaponless = Library({**library.info, "slots": ["hair", "top", "bottom"]}, vars(library))
    with pytest.raises(DataError, match="no edit can be drawn"):
        Editor(weaponless, bare, "south", random.Random(0)).edit()


def worked_out(steps: str) -> list[int]:
    """Check each step and return its result."""
    results = []
    for step in steps.split(", "):
        found = STEP.fullmatch(step)
        assert found, step
        first, sign, second, carry, result = found.groups()
        total = int(first) + (1 if sign == "+" else -1) * int(second) + int(carry or 0)
        assert total == int(result), step
        results.append(total)
    return results


def test_sums_are_worked_out_rightly() -> None:
    for first, second in itertools.product(range(0, 100, 3), range(0, 100, 7)):
        made = addition(first, second)
        places = worked_out(made.steps)
        digits = [n % 10 for n in places[:-1]] + [places[-1]]
        assert sum(n * 10**place for place, n in enumerate(digits)) == first + second == int(made.answer)


def test_differences_are_worked_out_rightly() -> None:
    for first, second in itertools.product(range(0, 100, 3), range(0, 100, 7)):
        if first >= second:
            made = subtraction(first, second)
            digits = worked_out(made.steps)
            assert all(0 <= digit <= 9 for digit in digits), made
            assert sum(n * 10**place for place, n in enumerate(digits)) == first - second == int(made.answer)


# -- documents ---------------------------------------------------------------------------------


def fingerprint(document: Document) -> list[object]:
    return [
        (tuple(s.ids), tuple(s.learn)) if isinstance(s, Text) else (s.latents.tobytes(), tuple(s.times), s.committed)
        for s in document
    ]


@pytest.mark.parametrize("task", TASKS)
def test_documents_follow_from_the_generator(dataset: Characters, task: str) -> None:
    first, second = (
        [fingerprint(document) for document in dataset.documents(task, 4, random.Random(seed))] for seed in (7, 7)
    )
    assert first == second
    assert first != [fingerprint(document) for document in dataset.documents(task, 4, random.Random(8))]


@pytest.mark.parametrize(("task", "frames"), [("image", 1), ("video", 8), ("animate", 8), ("edit", 1)])
def test_what_is_to_be_drawn_is_noisy_and_what_is_given_is_not(dataset: Characters, task: str, frames: int) -> None:
    for document in dataset.documents(task, 4, random.Random(1)):
        blocks = [segment for segment in document if isinstance(segment, Block)]
        noisy = [block for block in blocks if not block.committed]
        assert noisy and all(len(block.latents) == frames and block.sigma == 1 for block in noisy)
        assert (len(noisy) < len(blocks)) == (task in ("animate", "edit"))
