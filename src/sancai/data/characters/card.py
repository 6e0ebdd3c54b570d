"""A character's card: name, title, a few sentences of background, and figures that follow from its look.

    text = card(person(wording, who, rng, "blacksmith"), rng)      # one line of JSON

The keys and their order are fixed (`KEYS`, `STATS`), so a grammar can hold the model to them.
"""

import json
import random

from sancai.data.characters.library import Library
from sancai.data.characters.persons import Person, fill

KEYS = ("name", "title", "background", "stats")
STATS = ("strength", "agility", "magic", "defense", "health")
LEAST, MOST = 1, 20
"""Range of a figure; health runs to ten times as much."""
BASES = {
    # strength, agility, magic, defense, health
    "human": (9, 9, 6, 8, 9), "elder": (5, 5, 9, 6, 6), "elf": (7, 12, 10, 6, 8), "vampire": (10, 12, 10, 7, 10),
    "orc": (14, 7, 4, 10, 13), "goblin": (6, 13, 5, 5, 6), "troll": (16, 4, 3, 12, 16), "lizard": (11, 10, 5, 11, 10),
    "alien": (6, 9, 12, 6, 8), "monster": (14, 3, 4, 12, 15), "mouse": (4, 15, 6, 4, 5), "rabbit": (6, 15, 6, 5, 7),
    "pig": (10, 6, 5, 9, 12), "sheep": (7, 8, 7, 7, 9), "boar": (13, 8, 4, 10, 13), "skeleton": (8, 9, 7, 6, 6),
}  # fmt: skip
WORN = {
    "plate_armor": (1, -3, -1, 6, 2), "chainmail": (1, -1, 0, 4, 1), "legion_armor": (1, -1, 0, 5, 1),
    "leather_armor": (1, 1, 0, 2, 1), "leg_armor": (0, -1, 0, 2, 0), "sword": (3, 1, 0, 1, 1),
    "longsword": (4, 0, 0, 1, 1),
    "katana": (3, 3, 0, 0, 0), "scimitar": (2, 2, 0, 0, 0), "rapier": (1, 4, 0, 0, 0), "glow_sword": (3, 2, 3, 0, 0),
    "mace": (4, -1, 0, 1, 1), "dagger": (1, 3, 0, 0, 0), "bow": (1, 4, 0, 0, 0), "crossbow": (2, 2, 0, 0, 0),
    "slingshot": (0, 3, 0, 0, 0), "wooden_staff": (0, 0, 4, 1, 0), "diamond_staff": (0, 0, 6, 0, 0),
    "gnarled_staff": (0, 0, 6, 0, 0), "crystal": (0, 0, 7, 0, 0), "wand": (0, 1, 6, 0, 0), "staff": (0, 0, 5, 0, 0),
    "wizard_hat": (-1, 0, 3, 0, 0), "shield": (1, -1, 0, 3, 1), "helmet": (0, 0, 0, 2, 0), "wings": (0, 3, 1, 0, 0),
}  # fmt: skip
"""What items and kinds of items add."""
ORIGINS = (
    "{name} grew up in {place}.", "{name} was born in {place}, the youngest of seven.",
    "{name} came to {place} as a child and stayed.",
    "Nobody knows where {name} comes from, but {place} is home now.",
    "{name} left {place} at sixteen and never looked back.",
)  # fmt: skip
LIVES = (
    "As a {noun}, {he} is known to be {trait}.", "People call {him} the most {trait} {noun} in the land.",
    "{He} is a {trait} {noun} who keeps every promise.", "Being a {noun} was never {his} plan, but {he} is good at it.",
)  # fmt: skip
HABITS = (
    "{He} sleeps little and laughs often.", "{He} collects old songs and bad jokes.",
    "{He} is afraid of geese, but would never say so.",
    "{He} dreams of seeing the sea.", "{He} owes the innkeeper eleven coins.",
    "{He} talks to the moon when {he} is alone.",
    "{He} has never lost a game of dice.", "{He} is looking for a lost brother.",
    "{He} wants nothing more than a quiet life.",
)  # fmt: skip
HELD = ("{His} {held} has been in the family for generations.", "{He} never lets go of {his} {held}.",
        "{He} won the {held} in a bet.")  # fmt: skip
WEARS = ("{He} is easily known by {his} {garment}.", "{His} {garment} was a gift from an old friend.")


def card(who: Person, library: Library, rng: random.Random) -> str:
    """Return the card of a person as one line of JSON with fixed keys."""
    values = {
        "name": who.name,
        "title": title(who, rng),
        "background": background(who, rng),
        "stats": stats(who, library, rng),
    }
    return json.dumps(values, ensure_ascii=False)


def title(who: Person, rng: random.Random) -> str:
    """Return a title: `The Stubborn Orc Blacksmith`."""
    words = (
        f"{who.trait} {who.noun}"
        if rng.random() < 0.75
        else f"{who.noun} of {who.place.removeprefix('a ').removeprefix('an ')}"
    )
    small = {"of", "the", "by", "a", "in", "on", "at"}
    return "The " + " ".join(w if w in small else w.capitalize() for w in words.split())


def background(who: Person, rng: random.Random) -> str:
    """Return two to four sentences about a person's life."""
    more = [rng.choice(HABITS)]
    if who.held and rng.random() < 0.6:
        more.append(rng.choice(HELD))
    elif who.garment and rng.random() < 0.4:
        more.append(rng.choice(WEARS))
    rng.shuffle(more)
    parts = [rng.choice(ORIGINS), rng.choice(LIVES), *more[: rng.choice((0, 1, 1, 2))]]
    return " ".join(fill(part, who, rng) for part in parts)


def stats(who: Person, library: Library, rng: random.Random) -> dict[str, int]:
    """Return figures from the species and what is worn and held, give or take one."""
    values = list(BASES.get(who.who["species"], BASES["human"]))
    for slot, (key, _) in who.who["items"].items():
        kind = (
            "helmet"
            if library.items[key].get("hair") == "cover" and slot == "hat" and key not in ("hood", "headscarf")
            else slot
        )
        for at, gain in enumerate(WORN.get(key, WORN.get(kind, (0, 0, 0, 0, 0)))):
            values[at] += gain
    figures = [min(MOST, max(LEAST, value + rng.choice((-1, 0, 0, 1)))) for value in values]
    return dict(zip(STATS, figures, strict=True)) | {"health": figures[-1] * 10}
