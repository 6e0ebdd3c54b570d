"""Sums of up to three digits and two steps, as people ask them, worked out before they are answered.

    turns = sums(rng)
    # user "what's 345 plus 128?", assistant thinks "345 + 128: 5 + 8 = 13, 4 + 2 + 1 = 7, 3 + 1 = 4", says "473"

The thinking begins with the sum in figures, whatever the words were, and goes on digit by digit from the right.
"""

import random
from dataclasses import dataclass

from sancai.data.arithmetic import addition, subtraction
from sancai.data.turn import Turn, assistant, user

FORMS = (
    "{}", "{}", "{}=", "{} =", "{} = ?", "what is {}?", "what is {}", "what's {}?", "whats {}", "calculate {}",
    "compute {}",
    "how much is {}?", "{}?", "solve {}", "can you tell me what {} is?", "please calculate {}", "tell me {}",
    "work out {}",
    "i need to know {}", "do you know what {} is?", "what does {} make?", "{} equals?", "what do you get for {}?",
    "evaluate {}", "answer this: {}", "hey, what's {}?", "quick question: {}", "give me {}", "the result of {}?",
)  # fmt: skip
SIGNS = {"+": ("+", "+", "+", "plus", "and"), "-": ("-", "-", "-", "minus", "take away", "less"),
         "*": ("*", "*", "x", "times", "×", "multiplied by")}  # fmt: skip
VERBAL = {
    "+": ("add {0} and {1}", "the sum of {0} and {1}", "add {1} to {0}", "sum {0} and {1}"),
    "-": ("subtract {1} from {0}", "the difference between {0} and {1}", "take {1} from {0}", "deduct {1} from {0}"),
    "*": ("multiply {0} by {1}", "the product of {0} and {1}", "multiply {0} and {1}"),
}  # fmt: skip
PEOPLE = ("a knight", "a wizard", "the farmer", "an orc", "a merchant", "the queen", "my hero", "a goblin",
          "a pirate", "an elf",
          "the blacksmith", "a ranger", "a thief", "the king", "an archer", "the hunter", "a healer")  # fmt: skip
OBJECTS = ("coins", "arrows", "apples", "potions", "gems", "gold coins", "swords", "sheep", "scrolls",
           "loaves of bread", "shields",
           "keys", "torches", "silver coins", "eggs", "herbs", "points", "horses")  # fmt: skip
PLACES = {
    "+": ("{who} has {a} {what} and finds {b} more. how many {what} are there now?",
          "{who} has {a} {what} and buys {b} more. how many {what} in total?",
          "{who} collects {a} {what} on monday and {b} on tuesday. how many {what} is that together?",
          "there are {a} {what} in one chest and {b} in another. how many {what} altogether?",
          "{who} owns {a} {what}. a friend gives {b} more. how many {what} now?"),
    "-": ("{who} has {a} {what} and loses {b}. how many {what} are left?",
          "{who} has {a} {what} and sells {b} of them. how many {what} remain?",
          "there are {a} {what} and {b} are stolen. how many {what} are left?",
          "{who} had {a} {what} and used {b}. how many are left?",
          "if {who} gives away {b} of {a} {what}, how many {what} remain?"),
    "*": ("{who} has {b} bags with {a} {what} each. how many {what} is that?",
          "each of {b} chests holds {a} {what}. how many {what} are there in all?",
          "{who} earns {a} {what} a day. how many {what} in {b} days?",
          "one box holds {a} {what}. how many {what} are in {b} boxes?"),
    "+-": ("{who} has {a} {what}, finds {b} and loses {c}. how many {what} are left?",
           "{who} has {a} {what}, buys {b} more and then sells {c}. how many {what} now?",
           "there are {a} {what}. {b} are added and {c} are taken away. how many {what} remain?"),
}  # fmt: skip
BEYOND = ("{a} / {b}", "{a} divided by {b}", "{big} + {a}", "the square root of {a}", "{a} percent of {b}", "{a}^{b}",
          "{big} * {b}", "{big} - {big2}", "{a}.5 + {b}.25", "{a} to the power of {c}", "{a} * {b} * {c}",
          "the sine of {a}",
          "{a} * {b} + {c} * {b}", "the integral of x from 0 to {a}", "log({a})", "{a} mod {b}",
          "1/{b} + 1/{c}")  # fmt: skip
CANNOT = (
    "I can only add, subtract and multiply whole numbers of up to three digits.",
    "That is too hard for me: I add, subtract and multiply small whole numbers.",
    "I cannot work that out; I only do short sums with whole numbers up to 999.",
)


@dataclass(frozen=True)
class Sum:
    """A question, the way to its answer, and the answer."""

    question: str
    steps: str
    answer: str


def sums(rng: random.Random, count: int = 1) -> list[Turn]:
    """Return a conversation of so many sums."""
    turns: list[Turn] = []
    for _ in range(count):
        made = problem(rng)
        turns += [user(made.question), assistant(made.answer, made.steps)]
    return turns


def beyond(rng: random.Random) -> list[Turn]:
    """Return a question for a calculation that is too hard, and an honest answer."""
    numbers = {
        "a": rng.randrange(2, 999), "b": rng.randrange(2, 99), "c": rng.randrange(2, 9),
        "big": rng.randrange(1001, 10**6), "big2": rng.randrange(1001, 10**5),
    }  # fmt: skip
    asked = rng.choice(FORMS).format(rng.choice(BEYOND).format(**numbers))
    return [user(_cased(asked, rng)), assistant(rng.choice(CANNOT))]


def problem(rng: random.Random) -> Sum:
    """Return a random sum of one or two steps."""
    kind = rng.choices(("+", "-", "*", "+-", "++"), (34, 28, 16, 14, 8))[0]
    a, b, c = (_number(rng) for _ in range(3))
    if kind == "*":
        a, b = _number(rng, 2), rng.randrange(10)
    if kind == "-" and a < b and rng.random() < 0.85:
        a, b = b, a
    if kind == "+-":
        c = rng.randint(0, a + b)
        c = c if c < 1000 else c % 1000
    steps, answer = _worked(kind, a, b, c)
    question = _in_words(kind, (a, b, c), rng) if rng.random() < 0.2 and answer >= 0 else None
    return Sum(_cased(question or _asked(kind, (a, b, c), rng), rng), steps, str(answer))


def _number(rng: random.Random, digits: int = 3) -> int:
    """Return a number of up to so many digits, every length often."""
    return rng.randrange(10 ** rng.choices(range(1, digits + 1), range(1, digits + 1))[0])


def _worked(kind: str, a: int, b: int, c: int) -> tuple[str, int]:
    """Return the way to a result, and the result."""
    if kind == "+":
        return f"{a} + {b}: {addition(a, b).steps}", a + b
    if kind == "*":
        return f"{a} * {b}: {multiplication(a, b)}", a * b
    if kind == "-" and a < b:
        return f"{a} - {b}: {b} is more, {b} - {a}: {subtraction(b, a).steps}, {b - a}, negative", a - b
    if kind == "-":
        return f"{a} - {b}: {subtraction(a, b).steps}", a - b
    first = a + b
    if kind == "++":
        return f"{a} + {b}: {addition(a, b).steps}, {first}; {first} + {c}: {addition(first, c).steps}", first + c
    return f"{a} + {b}: {addition(a, b).steps}, {first}; {first} - {c}: {subtraction(first, c).steps}", first - c


def multiplication(first: int, digit: int) -> str:
    """Return the steps of a number times one digit, from the right with carries."""
    carry, steps = 0, []
    for place in range(len(str(first))):
        figure = first // 10**place % 10
        total = figure * digit + carry
        steps.append(f"{figure} * {digit}" + (f" + {carry}" if carry else "") + f" = {total}")
        carry = total // 10
    return ", ".join(steps)


def _asked(kind: str, numbers: tuple[int, int, int], rng: random.Random) -> str:
    """Return a sum in figures, or with the words for its signs."""
    a, b, c = numbers
    if len(kind) == 1 and rng.random() < 0.15:
        text = rng.choice(VERBAL[kind]).format(a, b)
        return text if rng.random() < 0.5 else rng.choice(("what is {}?", "{} please",
                                                           "can you {}?")).format(text) if not (
            text.startswith("the")) else f"what is {text}?"  # fmt: skip
    if kind == "*" and rng.random() < 0.4:
        a, b = b, a
    gap = "" if rng.random() < 0.25 else " "
    text = str(a)
    for sign, number in zip(kind, (b, c), strict=False):
        word = rng.choice(SIGNS[sign])
        space = " " if (word.isalpha() and word != "x") or " " in word else gap
        text += f"{space}{word}{space}{number}"
    return rng.choice(FORMS).format(text)


def _in_words(kind: str, numbers: tuple[int, int, int], rng: random.Random) -> str | None:
    """Return a small story with a sum in it, None for sums without one."""
    if kind not in PLACES:
        return None
    words = {"who": rng.choice(PEOPLE), "what": rng.choice(OBJECTS)}
    return rng.choice(PLACES[kind]).format(**words, **dict(zip("abc", numbers, strict=True)))


def _cased(text: str, rng: random.Random) -> str:
    """Return a text whose sentences begin with a capital, or as it is."""
    if rng.random() < 0.5:
        return text
    return ". ".join(part[:1].upper() + part[1:] for part in text.split(". "))
