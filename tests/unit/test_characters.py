"""Characters, captions, questions, edits and sums are right by construction; tested on the pack drawn by code."""

import itertools
import json
import random
import re
from collections.abc import Iterator, Mapping

import numpy as np
import pytest

from sancai.data.arithmetic import addition, subtraction
from sancai.data.characters import Characters, CharactersConfig, outfit, split
from sancai.data.characters import corpus as corpus_module
from sancai.data.characters.captions import LEAST_PIXELS, caption, phrase
from sancai.data.characters.library import Character, Library
from sancai.data.characters.questions import QUESTIONS, Asker, Editor
from sancai.data.characters.sampling import sample_character
from sancai.data.characters.split import attributes, draw_character, is_held_out
from sancai.data.characters.synthetic import synthetic_library
from sancai.errors import ConfigError, DataError
from sancai.sequence import Block, Document, Text
from sancai.tokenizer import Tokenizer

TASKS = tuple(CharactersConfig().tasks)
STEP = re.compile(r"(\d+) ([+-]) (\d+)(?: \+ (\d+))? = (\d+)")


@pytest.fixture(scope="module")
def library() -> Library:
    return synthetic_library()


@pytest.fixture(scope="module")
def tokenizer(library: Library) -> Tokenizer:
    return Tokenizer.train(corpus_module.texts(library, random.Random(0), 50), 600)


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
        patch.setattr(dataset, "_draw", lambda who, direction, frames: np.stack(
            [watch(who, direction, number) for number in frames]))  # fmt: skip
        dataset.documents(task, count, random.Random(4))
    return drawn


@pytest.mark.parametrize("task", ["image", "video", "animate", "edit", "vqa", "describe"])
def test_no_document_shows_a_held_out_character(
    dataset: Characters, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outfit, "is_held_out", is_reserved)
    drawn = shown(dataset, task, 30, monkeypatch)
    assert drawn and not any(drawn)


@pytest.mark.parametrize("task", ["animate", "edit", "image"])
def test_without_the_split_check_changes_and_prompts_would_leak(
    dataset: Characters, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outfit, "is_held_out", lambda flat: False)
    assert any(shown(dataset, task, 60, monkeypatch))


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


@pytest.mark.parametrize("task", ["image", "video", "animate", "edit"])
def test_drawing_documents_hold_a_look_and_what_is_to_be_drawn(dataset: Characters, task: str) -> None:
    for document in dataset.documents(task, 12, random.Random(1)):
        blocks = [segment for segment in document if isinstance(segment, Block)]
        noisy = [block for block in blocks if not block.committed]
        assert noisy and all(block.sigma == 1 for block in noisy)
        assert len(blocks) - len(noisy) == (task in ("animate", "edit")), "a picture is given"
        thought, announced = told(dataset, document)
        if thought:
            action = dataset.looks.character(dataset.looks.parse(thought))[0]["action"]
            length = dataset.library.animations[action]["frames"]
            whole = [list(range(length))]
            assert [list(b.times) for b in noisy] == whole if task in ("video", "animate") else announced == 1
            assert all(len(b.times) == announced and b.times[-1] < length for b in noisy)


def test_a_look_is_left_out_as_often_as_asked_for(library: Library, tokenizer: Tokenizer) -> None:
    for share, wanted in ((0.0, 0), (1.0, 20)):
        dataset = Characters(library, tokenizer, CharactersConfig(drop_look=share))
        documents = [d for task in ("image", "edit") for d in dataset.documents(task, 10, random.Random(2))]
        assert sum(not told(dataset, document)[0] for document in documents) == wanted


def test_the_picture_of_a_look_is_the_one_that_the_art_draws(library: Library, tokenizer: Tokenizer) -> None:
    dataset = Characters(library, tokenizer, CharactersConfig(drop_look=0.0))
    for document in dataset.documents("video", 6, random.Random(5)):
        who, direction = dataset.looks.character(dataset.looks.parse(told(dataset, document)[0]))
        [block] = [segment for segment in document if isinstance(segment, Block)]
        drawn = np.stack([library.frame(who, direction, int(frame)) for frame in block.times])
        assert np.array_equal(block.latents, dataset.codec.encode(drawn))


def told(dataset: Characters, document: Document) -> tuple[str, int]:
    """Return the look of a drawing document and the number of frames that it announces."""
    tokenizer = dataset.tokenizer
    ids = [i for segment in document if isinstance(segment, Text) for i in segment.ids]
    thought = ids[ids.index(tokenizer.think) + 1 : ids.index(tokenizer.end_think)]
    return tokenizer.decode(thought), int(tokenizer.decode(ids[ids.index(tokenizer.visual) + 1 :]))


def test_drawing_documents_train_pixels_and_the_others_text(library: Library) -> None:
    tasks = CharactersConfig(shift=2.0, clip_shift=5.0).tasks
    shifts = {name: task.shift for name, task in tasks.items() if task.shift is not None}
    assert shifts == {"image": 2.0, "edit": 2.0, "video": 5.0, "animate": 5.0}
    assert {name for name, task in tasks.items() if task.text} == set(tasks) - set(shifts)


def test_plans_end_in_a_look_that_is_drawn_or_in_words(dataset: Characters) -> None:
    tokenizer, drawn = dataset.tokenizer, 0
    for document in dataset.documents("plan", 200, random.Random(3)):
        [text] = document
        assert isinstance(text, Text)
        turn = list(text.ids)[len(text.ids) - list(text.ids)[::-1].index(tokenizer.assistant) :]
        learned = list(text.learn)[-len(turn) :]
        assert all(learned), "the model learns to choose whether it thinks"
        if turn[0] == tokenizer.think:
            end = turn.index(tokenizer.end_think)
            look = dataset.looks.parse(tokenizer.decode(turn[1:end]))
            assert dataset.looks.undrawn(look) == []
            assert int(tokenizer.decode(turn[turn.index(tokenizer.visual) + 1 :])) >= 1
            drawn += 1
        else:
            assert turn[0] == tokenizer.end_think and turn[-1] == tokenizer.eos and tokenizer.visual not in turn
    assert 150 < drawn < 200


def test_only_drawings_are_announced(dataset: Characters) -> None:
    for task in ("describe", "vqa", "arithmetic", "unknown"):
        for document in dataset.documents(task, 10, random.Random(4)):
            ids = [i for segment in document if isinstance(segment, Text) for i in segment.ids]
            assert dataset.tokenizer.visual not in ids and ids[-1] == dataset.tokenizer.eos, task


def test_the_model_folder_says_how_to_ask_the_model(dataset: Characters) -> None:
    facts = json.loads(json.dumps(dataset.metadata["generation.json"]()))
    assert facts["plan"] and facts["max_frames"] == max(a["frames"] for a in facts["actions"].values())
    looks = dataset.metadata["looks.json"]()
    assert set(facts["actions"]) == set(looks["slots"]["action"])
