"""Write what characters can be, wear and do, as a document, from the phrases of looks.

    python scripts/vocabulary.py docs/vocabulary.md [SOURCE]

SOURCE is a model folder with a `looks.json`, or a character pack; by default the shipped model if it has looks, else
`packs/characters`.
"""

import json
import pathlib
import re
import sys
from collections.abc import Iterable, Mapping

from sancai.api import MODELS, SHIPPED
from sancai.data.characters.look import Looks
from sancai.data.characters.packs import open_pack
from sancai.data.characters.vocabulary import words_of
from sancai.data.characters.words import CLOTH_COLORS, HAIR_COLORS

Phrases = Mapping[str, Iterable[str]]
COLORS = sorted({*CLOTH_COLORS, *HAIR_COLORS}, key=lambda color: (-len(color), color))
COLOR = re.compile(rf"\b(?:{'|'.join(COLORS)}) ")
TITLES = {
    "body": "Species", "skin": "Skin", "eyes": "Eyes", "action": "Actions", "facing": "Directions",
    "ears": "Ears and horns", "top": "Tops", "bottom": "Trousers and skirts", "hat": "Hats and helmets",
    "back": "On the back", "shoulders": "On the shoulders",
}  # fmt: skip
FIRST = ("body", "action", "facing", "skin", "eyes")
PLAIN = {"body", "skin", "eyes", "action", "facing"}
"""Slots whose phrases are listed as they stand."""
HEAD = """\
# What characters can be, wear and do

Made by `make vocabulary` from the art that the shipped model learned from; not to be edited by hand. Prompts may name
these things in any order and in everyday words ("a knight with a red cape, walking left"). How often each kind of thing
comes out right is in the [model's card](../src/sancai/models/tiny/README.md); small things are wrong more often than
large ones.

"""


def default_source() -> pathlib.Path:
    """Return the shipped model if it has looks, else the place of the prepared pack."""
    shipped = MODELS / SHIPPED
    return shipped if (shipped / "looks.json").is_file() else pathlib.Path("packs/characters")


def read_phrases(source: pathlib.Path) -> Phrases:
    """Return the phrases of every slot, from a model folder or a pack."""
    looks = source / "looks.json"
    if looks.is_file():
        return json.loads(looks.read_text(encoding="utf-8"))["slots"]
    return Looks(open_pack(str(source))).vocabulary.slots


def document(phrases: Phrases) -> str:
    """Return the document."""
    slots = sorted(phrases, key=lambda slot: FIRST.index(slot) if slot in FIRST else len(FIRST))
    return HEAD + "\n".join(section(slot, phrases[slot]) for slot in slots) + unknown(phrases)


def section(slot: str, phrases: Iterable[str]) -> str:
    """Return one section: what there is, and in which colours."""
    lines = [f"## {TITLES.get(slot, slot.capitalize())}", ""]
    if slot in PLAIN:
        return "\n".join([*lines, ", ".join(phrases), ""])
    return "\n".join([*lines, "| what | colours |", "| --- | --- |", *map(row, by_colors(phrases).items()), ""])


def by_colors(phrases: Iterable[str]) -> dict[tuple[str, ...], list[str]]:
    """Return things by the colours they come in."""
    colors: dict[str, list[str]] = {}
    for phrase in phrases:
        found = COLOR.search(f"{phrase} ")
        thing = " ".join(COLOR.sub("", phrase, count=1).split())
        colors.setdefault(thing, []).extend([found[0].strip()] if found else [])
    things: dict[tuple[str, ...], list[str]] = {}
    for thing, own in colors.items():
        things.setdefault(tuple(own), []).append(thing)
    return things


def row(entry: tuple[tuple[str, ...], list[str]]) -> str:
    """Return a row of a table: things that come in the same colours."""
    colors, things = entry
    return f"| {', '.join(things)} | {', '.join(colors) or 'its own'} |"


def unknown(phrases: Phrases) -> str:
    """Return a note on words of this list that the shipped model never read in training."""
    known = set(json.loads((MODELS / SHIPPED / "words.json").read_text(encoding="utf-8")))
    new = sorted(words_of(phrase for slot in phrases.values() for phrase in slot) - known)
    return f"\nThe shipped model has never seen these words of the list: {', '.join(new)}.\n" if new else ""


if __name__ == "__main__":
    source = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else default_source()
    pathlib.Path(sys.argv[1]).write_text(document(read_phrases(source)), encoding="utf-8")
    sys.stdout.write(f"{sys.argv[1]}\n")
