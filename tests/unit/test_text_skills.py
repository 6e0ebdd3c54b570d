"""Sums are right, questions outside the model's knowledge are kept apart by a hash, answers are one line."""

import random
import re

from sancai.data import sums, unknown

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
