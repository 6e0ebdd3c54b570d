"""Which characters training may see: some pairs of attributes are reserved for testing composition.

A character is held out if any watched pair of its values falls, by a fixed hash, into the reserved
twentieth.  Training draws only from the rest, so a tested combination cannot have leaked; validation
uses allowed combinations only.
"""

import random
import zlib
from collections.abc import Mapping

from sancai.data.characters.library import Character, Library
from sancai.data.characters.sampling import sample_character

PAIRS = (
    ("hair", "hair_color"),
    ("top", "top_color"),
    ("bottom", "bottom_color"),
    ("species", "hat"),
    ("species", "action"),
    ("hat", "hat_color"),
    ("weapon", "direction"),
    ("cape_color", "top_color"),
)
ONE_IN = 20
MOST_CUT_OFF = 0.25


def attributes(library: Library, who: Character, direction: str) -> dict[str, str | None]:
    """Return the flat table of a character's attributes."""
    flat = {name: who.get(name) for name in ("species", "build", "skin", "action")}
    flat["direction"] = direction
    for slot in library.slots:
        flat[slot], flat[slot + "_color"] = who["items"].get(slot, (None, None))
    return flat


def is_held_out(flat: Mapping[str, str | None]) -> bool:
    """Return whether any watched pair of values is reserved for testing."""
    for first, second in PAIRS:
        if flat.get(first) is not None and flat.get(second) is not None:
            text = f"{first}={flat[first]}|{second}={flat[second]}"
            if zlib.crc32(text.encode()) % ONE_IN == 0:
                return True
    return False


def draw_character(
    library: Library, rng: random.Random, *, held_out: bool = False, action: str | None = None
) -> tuple[Character, str]:
    """Return a random character and direction from one side of the split."""
    while True:
        who = sample_character(library, rng, action)
        direction = rng.choice(library.facings(who["action"]))
        if is_held_out(attributes(library, who, direction)) != held_out:
            continue
        if not {"weapon", "wings"} & set(who["items"]) or library.cut_off(who, direction) <= MOST_CUT_OFF:
            return who, direction
