"""The look: one line that names everything about a character, in fixed words and a fixed order.

    elf woman; fair skin; blue eyes; long red hair; green tunic; brown trousers; black boots; walking; facing left

    looks = Looks(library)
    look = looks.of(who, "west")                 # everything worn, whether or not it shows from this side
    str(look)                                 # the line above
    who, direction = looks.character(looks.parse(text))

What is absent is left out.  Each phrase is unique over the whole vocabulary, so it tells slot, item and colour.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sancai.data.characters.captions import LEAST_PIXELS
from sancai.data.characters.library import Character, Library
from sancai.errors import DataError

SEPARATOR = "; "
BODY, SKIN, EYES, ACTION, FACING = "body", "skin", "eyes", "action", "facing"
NEEDED = (BODY, ACTION, FACING)
"""Slots that every look fills."""
SIDES = {"north": "facing away", "west": "facing left", "south": "facing viewer", "east": "facing right"}
ARTICLES = re.compile(r"\b(?:a|an|the) ")
SHORTER = (
    ("bolt-necked ", ""), ("white shield with golden cross", "cross shield"), ("white tower", "tower"),
    ("pirate hat with skull", "pirate hat"), ("cap with feather", "feathered cap"), ("spikes of hair", "spikes"),
    ("ponytail over shoulder", "shoulder ponytail"), ("basket on back", "basket"),
    ("legionary", "legion"), ("holding fighting stance", "fighting stance"), ("sitting on ground", "sitting"),
)  # fmt: skip
"""What a pack says at length, in short."""


@dataclass(frozen=True)
class Look:
    """The phrases of a look as (slot, phrase), in the vocabulary's order."""

    parts: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return SEPARATOR.join(phrase for _, phrase in self.parts)

    def get(self, slot: str) -> str | None:
        """Return the phrase of a slot, None where it is empty."""
        return dict(self.parts).get(slot)


class LookVocabulary:
    """The phrases of every slot in order, each with its colours; what `looks.json` holds."""

    def __init__(self, slots: Mapping[str, Mapping[str, Iterable[Iterable[int]]]]) -> None:
        self.slots = slots
        self.slot_of = {phrase: slot for slot, phrases in slots.items() for phrase in phrases}
        if len(self.slot_of) != sum(map(len, slots.values())):
            raise DataError("a phrase of a look stands for two things; give each item of the pack a phrase of its own")

    def parse(self, text: str) -> Look:
        """Return the look that a text names; its phrases may come in any order and case.

        Raises:
            DataError: an unknown phrase, two phrases for one slot, or nothing for a slot that every look fills.
        """
        found: dict[str, str] = {}
        for phrase in filter(None, (" ".join(p.split()).lower() for p in text.split(SEPARATOR.strip()))):
            slot = self.slot_of.get(phrase)
            if slot is None:
                raise DataError(self._unknown(phrase))
            if slot in found:
                raise DataError(f"a look names {slot} twice: {found[slot]!r} and {phrase!r}; leave one out")
            found[slot] = phrase
        return self.look(found)

    def look(self, phrases: Mapping[str, str | None]) -> Look:
        """Return the look with these phrases by slot; None leaves a slot out.

        Raises:
            DataError: nothing for a slot that every look fills.
        """
        for slot in NEEDED:
            if not phrases.get(slot):
                some = ", ".join(list(self.slots[slot])[:4])
                raise DataError(f"a look does not name its {slot}; add one of {some}, …")
        return Look(tuple((slot, phrase) for slot in self.slots if (phrase := phrases.get(slot))))

    def change(self, look: Look, changes: Mapping[str, str | None]) -> Look:
        """Return a look with other phrases in some slots; None empties a slot."""
        return self.look({**dict(look.parts), **changes})

    def colors(self, look: Look) -> np.ndarray:
        """Return the colours that the art may use for a look: uint8 (N, 3), each once."""
        tones = [tuple(tone) for slot, phrase in look.parts for tone in self.slots[slot][phrase]]
        return np.array(list(dict.fromkeys(tones)), np.uint8).reshape(-1, 3)

    def to_json(self) -> dict[str, Any]:
        """Return the content of `looks.json`: slots in order, their phrases, the colours of each as [r, g, b]."""
        slots = {s: {p: [list(tone) for tone in tones] for p, tones in ps.items()} for s, ps in self.slots.items()}
        return {"separator": SEPARATOR, "needed": list(NEEDED), "slots": slots}

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> "LookVocabulary":
        """Return the vocabulary that `to_json` wrote."""
        try:
            return LookVocabulary(content["slots"])
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"looks.json is damaged ({error!r}); expected slots with phrases; take the one beside the weights"
            ) from error

    def _unknown(self, phrase: str) -> str:
        """Return a message that offers the nearest phrases and their slots."""
        near = difflib.get_close_matches(phrase, self.slot_of, n=3, cutoff=0.5)
        if not near:
            slots = ", ".join(self.slots)
            return f"a look has the unknown phrase {phrase!r}; expected phrases for {slots}, separated by semicolons"
        offers = ", ".join(f"{p!r} ({self.slot_of[p]})" for p in near)
        return f"a look has the unknown phrase {phrase!r}; did you mean {offers}?"


class Looks:
    """Characters of one library ↔ looks."""

    def __init__(self, library: Library) -> None:
        self.library = library
        info = library.info
        self.bodies = {(s, b): _body(spec["phrase"][b]) for s, spec in library.species.items() for b in spec["anims"]}
        self.skins = {
            (s, key): spec["skin_word"].format(c=word)
            for s, spec in library.species.items()
            for key, word in spec["skins"].items()
        }
        self.eyes = {key: f"{word} eyes" for key, word in info["eye_words"].items()}
        self.items = {
            (key, color): shorten(item["phrase"].format(c=item["colors"].get(color, "")))
            for key, item in library.items.items()
            for color in item["colors"] or (None,)
        }
        self.actions = {key: shorten(spec["ing"]) for key, spec in library.animations.items()}
        self.facings = {key: SIDES[key] for key in library.directions}
        self.vocabulary = LookVocabulary({slot: dict.fromkeys(ps, ()) for slot, ps in self._phrases().items()})
        self._body_of = {phrase: key for key, phrase in self.bodies.items()}
        self._skin_of = {phrase: skin for (_, skin), phrase in self.skins.items()}
        self._item_of = {phrase: key for key, phrase in self.items.items()}
        self._key_of = {p: k for table in (self.eyes, self.actions, self.facings) for k, p in table.items()}

    def _phrases(self) -> dict[str, list[str]]:
        """Return the phrases of every slot, in order."""
        found = {BODY: [*self.bodies.values()], SKIN: [*self.skins.values()], EYES: [*self.eyes.values()]}
        found |= {slot: [] for slot in self.library.slots}
        for (key, _), phrase in self.items.items():
            found[self.library.items[key]["slot"]].append(phrase)
        found |= {ACTION: [*self.actions.values()], FACING: [*self.facings.values()]}
        return {slot: list(dict.fromkeys(phrases)) for slot, phrases in found.items()}

    # -- character → look -----------------------------------------------------------------------

    def of(self, who: Character, direction: str) -> Look:
        """Return the full look: everything worn, whether or not it shows from this side."""
        return self._look(who, direction, who["items"], bool(who.get("skin")), bool(who.get("eyes")))

    def seen(self, who: Character, direction: str, frame: int) -> Look:
        """Return the look without what one frame of the character's action does not show."""
        visible = self.library.visible(who, direction, [frame])
        items = [slot for slot in who["items"] if visible[slot] >= LEAST_PIXELS]
        has_skin = bool(who.get("skin")) and visible["body"] >= LEAST_PIXELS
        return self._look(
            who, direction, items, has_skin, bool(who.get("eyes")) and self._shows_eyes(who, direction, frame)
        )

    def _look(self, who: Character, direction: str, slots: Iterable[str], has_skin: bool, has_eyes: bool) -> Look:
        species, items = who["species"], who["items"]
        parts = [(BODY, self.bodies[species, who["build"]])]
        if has_skin:
            parts.append((SKIN, self.skins[species, who["skin"]]))
        if has_eyes and self.has_eyes(species):
            parts.append((EYES, self.eyes[who["eyes"]]))
        parts += [(slot, self.items[tuple(items[slot])]) for slot in self.library.slots if slot in slots]
        parts += [(ACTION, self.actions[who["action"]]), (FACING, self.facings[direction])]
        return Look(tuple(parts))

    def has_eyes(self, species: str) -> bool:
        """Return whether the art has eyes of several colours for a species."""
        sheets = (n for layer in self.library.species[species]["layers"] for n in layer["sheets"].values())
        return any("eye" in self.library.sheets[n].get("materials", ()) for n in sheets)

    def _shows_eyes(self, who: Character, direction: str, frame: int) -> bool:
        """Return whether other eyes would make another picture."""
        other = {**who, "eyes": next(key for key in self.eyes if key != who["eyes"])}
        one, two = (self.library.frame(w, direction, frame) for w in (who, other))
        return not np.array_equal(one, two)

    # -- look → character -----------------------------------------------------------------------

    def parse(self, text: str) -> Look:
        """Return the look that a text names; see `LookVocabulary.parse`."""
        return self.vocabulary.parse(text)

    def character(self, look: Look) -> tuple[Character, str]:
        """Return the character and direction of a look, ready to be drawn; see `undrawn` for what the art lacks."""
        phrases = dict(look.parts)
        species, build = self._body_of[phrases[BODY]]
        items = {slot: list(self._item_of[phrases[slot]]) for slot in self.library.slots if slot in phrases}
        who = {
            "species": species, "build": build, "action": self._key_of[phrases[ACTION]], "items": items,
            "skin": self._skin_of.get(phrases.get(SKIN, "")), "eyes": self._key_of.get(phrases.get(EYES, "")),
        }  # fmt: skip
        return who, self._key_of[phrases[FACING]]

    def undrawn(self, look: Look) -> list[str]:
        """Return the phrases of a look that the art has not for this body in this action and direction."""
        who, direction = self.character(look)
        species, build, action = who["species"], who["build"], who["action"]
        drawn = {
            ACTION: action in self.library.actions(species, build),
            FACING: direction in self.library.facings(action),
            SKIN: who["skin"] is None or who["skin"] in self.library.species[species]["skins"],
            EYES: who["eyes"] is None or self.has_eyes(species),
        }
        for slot, (key, _) in who["items"].items():
            drawn[slot] = action in self.library.items[key]["anims"].get(build, ())
        return [phrase for slot, phrase in look.parts if not drawn.get(slot, True)]


def shorten(words: str) -> str:
    """Return the words of a pack without articles and flourishes: `red pirate hat`."""
    words = ARTICLES.sub("", " ".join(words.lower().split()))
    for long, short in SHORTER:
        words = words.replace(long, short)
    return words


def _body(words: str) -> str:
    """Return `elf man` for `a male elf`."""
    kind = shorten(words)
    for adjective, noun in (("female ", "woman"), ("male ", "man")):
        if kind.startswith(adjective):
            return f"{kind.removeprefix(adjective)} {noun}"
    return kind
