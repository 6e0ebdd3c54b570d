"""What people's keyboards do to a text: case, punctuation, British spelling, typing errors."""

import random
import re

SPELLINGS = {
    "armor": "armour", "armored": "armoured", "gray": "grey", "mustache": "moustache", "colored": "coloured",
    "saber": "sabre", "color": "colour", "blonde": "blond", "towards": "toward", "sand-colored": "sand-coloured",
    "rust-colored": "rust-coloured", "traveler": "traveller", "colors": "colours",
}  # fmt: skip
ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
NEAR = {c: row[max(0, at - 1) : at] + row[at + 1 : at + 2] for row in ROWS for at, c in enumerate(row)}
"""Letter → its neighbours on a keyboard."""
LEAST_LETTERS = 4


def as_typed(text: str, rng: random.Random, typos: float = 0.06) -> str:
    """Return a text as someone might type it; `typos` is how often it has an error."""
    if rng.random() < 0.35:
        text = british(text)
    if rng.random() < typos:
        text = mistyped(text, rng)
    case = rng.random()
    if case < 0.3:
        text = text[:1].upper() + text[1:]
    elif case < 0.32:
        text = text.upper()
    if text[-1:].isalpha() and rng.random() < 0.12:
        text += rng.choice("..!")
    return text


def british(text: str) -> str:
    """Return a text in British spelling."""
    return re.sub(r"[a-z]+(?:-colored)?", lambda m: SPELLINGS.get(m[0], m[0]), text)


def mistyped(text: str, rng: random.Random) -> str:
    """Return a text with one or two typing errors in its longer words."""
    words = text.split(" ")
    for _ in range(1 if rng.random() < 0.75 else 2):
        long = [i for i, w in enumerate(words) if len(w) >= LEAST_LETTERS and w.isalpha()]
        if long:
            at = rng.choice(long)
            words[at] = _error(words[at], rng)
    return " ".join(words)


def _error(word: str, rng: random.Random) -> str:
    """Return a word with letters swapped, one left out, doubled, or a neighbouring key."""
    at = rng.randrange(1, len(word) - 1)
    kind = rng.randrange(4)
    if kind == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == 1:
        return word[:at] + word[at + 1 :]
    if kind == 2:
        return word[:at] + word[at] + word[at:]
    return word[:at] + rng.choice(NEAR.get(word[at].lower()) or word[at]) + word[at + 1 :]
