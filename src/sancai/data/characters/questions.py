"""Questions and edits whose answers follow from the attributes, right by construction."""

import copy
import random
from collections.abc import Callable, Mapping, Sequence

from sancai.data.characters.captions import DOING, noun, phrase
from sancai.data.characters.library import Character, Library
from sancai.data.characters.sampling import random_color
from sancai.errors import DataError

COLORED = {
    "hair": "hair", "hat": "headwear", "top": "top", "bottom": "lower garment", "shoes": "shoes",
    "gloves": "gloves", "cape": "cape", "wings": "wings", "shield": "shield",
}  # fmt: skip
ASKED = {
    "weapon": "a weapon", "hair": "visible hair", "hat": "headwear", "top": "clothes on the upper body",
    "bottom": "clothes on the legs", "shoes": "shoes", "shield": "a shield", "cape": "a cape", "wings": "wings",
}  # fmt: skip
WORN = {
    "hat": "what is on the head?", "weapon": "what does the character hold?", "shoes": "what is on the feet?",
    "top": "what is worn on the upper body?", "bottom": "what is worn on the legs?",
}  # fmt: skip
SIDE = {"north": "away from the viewer", "south": "towards the viewer", "west": "left", "east": "right"}
QUESTIONS = ("action", "color", "count", "direction", "has", "species", "wears")
COUNTED = ("hat", "gloves", "cape", "wings", "weapon", "shield")
LEAST_PIXELS = 6
MOST_TRIES = 1000
"""After so many random edits that do not fit, none does."""
Pair = tuple[str, str]


class Asker:
    """Questions about one picture of one character."""

    def __init__(
        self, library: Library, who: Character, direction: str, visible: Mapping[str, int], rng: random.Random
    ) -> None:
        self.library, self.who, self.direction, self.rng = library, who, direction, rng
        self.visible = visible
        self.seen = [s for s in who["items"] if visible.get(s, 0) >= LEAST_PIXELS]
        self.kinds: dict[str, Callable[[], Pair | None]] = {
            "species": self.species, "direction": self.facing, "action": self.action, "wears": self.wears,
            "has": self.has, "color": self.color, "count": self.count,
        }  # fmt: skip

    def ask(self, kinds: Sequence[str] = QUESTIONS) -> tuple[str, str, str]:
        """Return (kind, question, answer) of a random kind that this picture can answer.

        Args:
            kinds: what may be asked; a kind named twice is asked twice as often.
        """
        while True:
            kind = self.rng.choice(kinds)
            pair = self.kinds[kind]()
            if pair is not None:
                return (kind, *pair)

    def species(self) -> Pair | None:
        """Ask who it is."""
        return ("who is this?", noun(self.library, self.who)) if self.visible["body"] >= 40 else None

    def facing(self) -> Pair:
        """Ask which way it faces."""
        return "which way does the character face?", SIDE[self.direction]

    def action(self) -> Pair:
        """Ask what it does."""
        return "what is the character doing?", DOING.get(self.who["action"], (self.who["action"],))[0]

    def wears(self) -> Pair | None:
        """Ask what is worn somewhere."""
        slots = [s for s in WORN if s in self.seen]
        if not slots:
            return None
        slot = self.rng.choice(slots)
        return WORN[slot], phrase(self.library, slot, *self.who["items"][slot])

    def has(self) -> Pair | None:
        """Ask whether it has something."""
        wanted = self.rng.random() < 0.5
        slots = [s for s in sorted(ASKED) if (s in self.seen) == wanted and (wanted or self._lacks(s))]
        if not slots:
            return None
        return f"does the character have {ASKED[self.rng.choice(slots)]}?", "yes" if wanted else "no"

    def _lacks(self, slot: str) -> bool:
        """Return whether nothing is worn there, not even unseen; a dress counts as clothes on the legs."""
        top = self.who["items"].get("top")
        covers = slot == "bottom" and top is not None and self.library.items[top[0]].get("full")
        return slot not in self.who["items"] and not covers

    def color(self) -> Pair | None:
        """Ask for a colour."""
        slots = [s for s in COLORED if s in self.seen and self.who["items"][s][1]]
        if not slots:
            return None
        slot = self.rng.choice(slots)
        key, color = self.who["items"][slot]
        verb = "are" if COLORED[slot] in ("shoes", "gloves", "wings") else "is"
        return f"what colour {verb} the {COLORED[slot]}?", self.library.items[key]["colors"][color]

    def count(self) -> Pair | None:
        """Ask how many of some things it has."""
        if any(s in self.who["items"] and s not in self.seen for s in COUNTED):
            return None
        number = sum(s in self.seen for s in COUNTED)
        return f"how many of these does the character have: {', '.join(COLORED.get(s, s) for s in COUNTED)}?", str(
            number
        )


Edit = tuple[str, Character, str]


class Editor:
    """Random edits of one character: what to say, the character after, the direction after."""

    def __init__(self, library: Library, who: Character, direction: str, rng: random.Random) -> None:
        self.library, self.who, self.direction, self.rng = library, who, direction, rng
        self.turns = library.animations[who["action"]]["dirs"] == 4

    def edit(self) -> Edit:
        """Return a random edit that the art can draw."""
        kinds = (self.turn, self.act, self.recolor, self.swap, self.remove)
        for _ in range(MOST_TRIES):
            made = self.rng.choice(kinds)()
            if made is not None:
                return made
        raise DataError(
            f"no edit can be drawn for {self.who}: expected something to turn, wear, recolour or remove; "
            "give the pack more items for this action"
        )

    def turn(self) -> Edit | None:
        """Turn to another side."""
        others = [d for d in self.library.directions if d != self.direction]
        if not self.turns:
            return None
        facing = self.rng.choice(others)
        return f"turn to face {SIDE[facing]}", copy.deepcopy(self.who), facing

    def act(self) -> Edit | None:
        """Start another action."""
        found = [a for a in other_actions(self.library, self.who) if a != self.who["action"]]
        if not found or not self.turns:
            return None
        after = copy.deepcopy(self.who)
        after["action"] = self.rng.choice(found)
        return f"make the character start {DOING.get(after['action'], (after['action'],))[0]}", after, self.direction

    def recolor(self) -> Edit | None:
        """Change one colour."""
        slots = [s for s in self.who["items"] if s in COLORED]
        if not slots:
            return None
        slot = self.rng.choice(slots)
        key, color = self.who["items"][slot]
        others = sorted(c for c in self.library.items[key]["colors"] if c != color)
        if not others:
            return None
        after, new = copy.deepcopy(self.who), self.rng.choice(others)
        after["items"][slot][1] = new
        if slot == "hair" and "beard" in after["items"]:
            after["items"]["beard"][1] = new
        return f"make the {COLORED[slot]} {self.library.items[key]['colors'][new]}", after, self.direction

    def swap(self) -> Edit | None:
        """Change or add one item."""
        slot = self.rng.choice(("top", "bottom", "shoes", "weapon", "shield", "cape"))
        held = self.who["items"]
        blocked = (slot == "bottom" and slot not in held) or (slot == "cape" and {"wings", "back"} & set(held))
        if blocked or (slot == "top" and "bottom" not in held) or slot not in self.library.by_slot:
            return None
        keys = self.library.choices(slot, self.who["species"], self.who["build"], self.who["action"])
        keys = [k for k in keys if k != held.get(slot, [None])[0] and not self.library.items[k].get("full")]
        if not keys:
            return None
        after, key = copy.deepcopy(self.who), self.rng.choice(keys)
        after["items"][slot] = [key, random_color(self.library, self.rng, key)]
        thing = phrase(self.library, slot, *after["items"][slot])
        name = {"bottom": "lower garment"}.get(slot, slot)
        return (f"replace the {name} with {thing}" if slot in held else f"add {thing}"), after, self.direction

    def remove(self) -> Edit | None:
        """Take one item away."""
        slots = [s for s in ("hat", "cape", "wings", "shield", "weapon", "gloves") if s in self.who["items"]]
        if not slots:
            return None
        slot, after = self.rng.choice(slots), copy.deepcopy(self.who)
        del after["items"][slot]
        return f"remove the {COLORED.get(slot, slot)}", after, self.direction


def other_actions(library: Library, who: Character) -> list[str]:
    """Return the four-sided actions that everything this character wears was drawn for."""
    held = [k for k, _ in who["items"].values()]
    return [
        a
        for a in library.actions(who["species"], who["build"])
        if library.animations[a]["dirs"] == 4
        and all(a in library.items[k]["anims"].get(who["build"], ()) for k in held)
    ]
