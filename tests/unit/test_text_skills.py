"""Sums are right, questions outside the model's knowledge are kept apart by a hash, answers are one line."""

import json
import random
import re

import pytest

from sancai.data import sums, unknown
from sancai.data.characters.card import KEYS, STATS
from sancai.data.characters.corpus import MIXTURE, Corpus, texts
from sancai.data.characters.describe import description
from sancai.data.characters.persons import person
from sancai.data.characters.story import story
from sancai.data.characters.synthetic import synthetic_library

STEP = re.compile(r"(\d+) ([-+*]) (\d+)(?: \+ (\d+))? = (\d+)")


def test_every_step_and_answer_of_a_sum_is_right() -> None:
    rng = random.Random(1)
    kinds = set()
    for _ in range(3000):
        made = sums.problem(rng)
        told = re.findall(r"(?:^|; |more, )([\d +*-]+):", made.steps)
        expected = eval(told[-1]) if "negative" not in made.steps else -eval(told[-1])
        assert str(expected) == made.answer, made
        for first, sign, second, carry, result in STEP.findall(made.steps):
            assert eval(f"{first}{sign}{second}+{carry or 0}") == int(result), made
        kinds.add(re.sub(r"\d+", "", told[0]).strip() + str(len(told)))
        numbers = set(re.findall(r"\d+", made.question))
        assert set(re.findall(r"\d+", told[0])) <= numbers, made
    assert kinds >= {"+1", "-1", "*1", "+2"}


def test_two_steps_go_on_with_the_first_result() -> None:
    assert sums._worked("+-", 345, 128, 99) == (
        "345 + 128: 5 + 8 = 13, 4 + 2 + 1 = 7, 3 + 1 = 4, 473; 473 - 99: 13 - 9 = 4, 17 - 10 = 7, 4 - 1 = 3",
        374,
    )
    assert sums._worked("-", 3, 12, 0)[1] == -9
    assert sums.multiplication(47, 6) == "7 * 6 = 42, 4 * 6 + 4 = 28"


def test_what_cannot_be_worked_out_is_said() -> None:
    asked, answered = sums.beyond(random.Random(2))
    assert asked.role == "user" and answered.thinking is None and answered.content in sums.CANNOT


def test_questions_are_kept_apart_by_their_hash() -> None:
    rng = random.Random(3)
    seen = {unknown.unknown(rng)[0].lower().strip("?.! ") for _ in range(4000)}
    kept = {unknown.unknown(rng, held_out=True)[0].lower().strip("?.! ") for _ in range(1500)}
    assert len(seen) > 1500 and len(kept) > 400
    assert len(kept & seen) < len(kept) * 0.02, "only typing errors may make two questions alike"


def test_answers_to_unknown_questions_are_one_short_line() -> None:
    rng = random.Random(4)
    for _ in range(500):
        question, answer = unknown.unknown(rng)
        assert question and "{" not in question
        assert answer[0].isupper() and answer.endswith((".", "?")) and len(answer) < 90


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus(synthetic_library())


@pytest.mark.parametrize("kind", MIXTURE)
def test_conversations_alternate_and_follow_from_the_generator(corpus: Corpus, kind: str) -> None:
    for seed in range(40):
        turns = corpus.conversation(random.Random(seed), kind)
        assert turns == corpus.conversation(random.Random(seed), kind)
        assert [t.role for t in turns] == ["user", "assistant"] * (len(turns) // 2)
        assert all(t.content for t in turns if t.role == "user" or not t.thinking)
        assert not any("{" in t.content for t in turns) or kind == "card"


def test_every_drawing_turn_thinks_a_look(corpus: Corpus) -> None:
    looks = corpus.prompter.looks
    for seed in range(100):
        for kind in ("draw", "edit", "animate"):
            for turn in corpus.conversation(random.Random(seed), kind)[1::2]:
                assert turn.thinking and not looks.undrawn(looks.parse(turn.thinking))


def test_a_card_is_json_with_fixed_keys_and_figures_that_fit(corpus: Corpus) -> None:
    found: dict[str, list[int]] = {"orc": [], "human": []}
    for seed in range(300):
        turns = corpus.conversation(random.Random(seed), "card")
        told = json.loads(turns[-1].content)
        assert tuple(told) == KEYS and tuple(told["stats"]) == STATS
        assert all(1 <= v <= 20 for k, v in told["stats"].items() if k != "health")
        who, _ = corpus.prompter.looks.character(
            corpus.prompter.looks.parse(str(turns[-1].thinking or turns[1].thinking))
        )
        if who["species"] in found:
            found[who["species"]].append(told["stats"]["strength"])
    assert sum(found["orc"]) / len(found["orc"]) > sum(found["human"]) / len(found["human"]) + 2


def test_a_story_has_two_to_five_sentences_about_its_character(corpus: Corpus) -> None:
    rng = random.Random(5)
    for _ in range(100):
        prompt = corpus.prompter.draw(rng)
        assert prompt.look is not None
        who = person(corpus.prompter.wording, corpus.prompter.looks.character(prompt.look)[0], rng, prompt.role)
        told = story(who, rng)
        assert 2 <= told.count(".") <= 5 and who.name in told
        assert "None" not in told


def test_a_description_thinks_what_is_seen_and_says_it(corpus: Corpus) -> None:
    looks = corpus.prompter.looks
    look = looks.parse("man; fair skin; blue eyes; red cape; green t-shirt; blue trousers; walking; facing left")
    who, direction = looks.character(look)
    asked, told = description(looks, who, direction, 1, random.Random(6))
    assert told.thinking == str(looks.seen(who, direction, 1)) and "red cape" in told.thinking
    assert asked.content and told.content.startswith("A man with fair skin, wearing ")


def test_texts_hold_every_kind(corpus: Corpus) -> None:
    found = texts(corpus.library, random.Random(7), 200)
    assert len(found) > 400 and all(found)
    assert any("facing viewer" in t for t in found) and any(" + " in t for t in found)
