"""Generated arithmetic with worked steps: exact questions, derivations and answers."""

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """`what is 47 + 38?`, `7 + 8 = 15, 4 + 3 + 1 = 8`, `85`."""

    question: str
    steps: str
    answer: str


def problem(rng: random.Random, digits: int = 2) -> Problem:
    """Return a random addition or subtraction of numbers with up to `digits` digits."""
    first, second = (rng.randrange(10 ** _length(rng, digits)) for _ in range(2))
    if rng.random() < 0.65:
        return addition(first, second, rng)
    return subtraction(max(first, second), min(first, second), rng)


def _length(rng: random.Random, digits: int) -> int:
    """Return a number of digits, the most in three of four."""
    return digits if rng.random() < 0.75 else rng.randint(1, digits)


def addition(first: int, second: int, rng: random.Random | None = None) -> Problem:
    """Return a sum, worked digit by digit from the right with carries."""
    width = max(len(str(first)), len(str(second)))
    carry, steps = 0, []
    for place in range(width):
        a, b = (n // 10**place % 10 for n in (first, second))
        total = a + b + carry
        steps.append(f"{a} + {b}" + (f" + {carry}" if carry else "") + f" = {total}")
        carry = total // 10
    return Problem(_question(first, "+", second, rng), ", ".join(steps), str(first + second))


def subtraction(first: int, second: int, rng: random.Random | None = None) -> Problem:
    """Return a difference that is not negative, worked digit by digit with borrows."""
    width = len(str(first))
    borrow, steps = 0, []
    for place in range(width):
        a, b = first // 10**place % 10, second // 10**place % 10 + borrow
        borrow = int(a < b)
        steps.append(f"{a + 10 * borrow} - {b} = {a + 10 * borrow - b}")
    return Problem(_question(first, "-", second, rng), ", ".join(steps), str(first - second))


def _question(first: int, sign: str, second: int, rng: random.Random | None) -> str:
    forms = ("what is {} {} {}?", "{} {} {} = ?", "{} {} {}", "calculate {} {} {}")
    form = rng.choice(forms) if rng else forms[0]
    return form.format(first, sign, second)
