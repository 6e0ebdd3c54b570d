"""Looks: one canonical line that says everything visible about a character, and the vocabulary it is made of.

    elf woman; light skin; blue eyes; long red hair; green tunic; black boots; walking; facing left

A look is phrases in the order of their slots, at most one a slot; what is absent is left out.  `looks.json` in a
model folder holds the slots in order, the phrases of each with the colours that the art uses for it, and the slots
that every look fills:

    {"needed": ["body"], "slots": {"body": {"elf woman": []}, "hair": {"long red hair": [[120, 20, 20]]}}}
"""

import difflib
import json
import pathlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sancai.errors import CheckpointError, RequestError
from sancai.files import is_lfs_pointer, lfs_message

LOOKS = "looks.json"
SEPARATOR = "; "
Color = tuple[int, int, int]


@dataclass(frozen=True)
class Slot:
    """One kind of thing that a look can say, such as hair: {phrase: its colours}."""

    name: str
    phrases: Mapping[str, tuple[Color, ...]]


@dataclass(frozen=True)
class Look:
    """What a picture shows: {slot: phrase}, in the order of the vocabulary's slots."""

    phrases: Mapping[str, str]

    @property
    def text(self) -> str:
        return SEPARATOR.join(self.phrases.values())


@dataclass(frozen=True)
class LookVocabulary:
    """Every phrase that a look can hold; a phrase belongs to one slot only.

    needed: names of the slots that every look fills.
    """

    slots: tuple[Slot, ...]
    needed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        phrases = [phrase for slot in self.slots for phrase in slot.phrases]
        if not phrases:
            raise CheckpointError("a vocabulary of looks holds no phrases; expected at least one slot with one")
        twice = sorted({p for p in phrases if phrases.count(p) > 1}) if len(set(phrases)) < len(phrases) else []
        if twice:
            raise CheckpointError(f"these phrases of looks stand twice: {', '.join(twice)}; each belongs to one slot")
        broken = [p for p in phrases if not p or p != " ".join(p.lower().split()) or SEPARATOR.strip() in p]
        if broken:
            raise CheckpointError(f"these phrases are empty or hold `;`, capitals or extra spaces: {broken}")

        unknown = sorted(set(self.needed) - {slot.name for slot in self.slots})
        if unknown:
            raise CheckpointError(f"every look needs {', '.join(unknown)}, which are no slots; name slots only")

    @cached_property
    def slot_of(self) -> Mapping[str, int]:
        """The number of the slot of every phrase."""
        return {phrase: number for number, slot in enumerate(self.slots) for phrase in slot.phrases}

    def parse(self, text: str) -> Look:
        """Read a look; phrases may stand in any order, capitals and spaces do not matter.

        Raises:
            RequestError: it is empty or holds an unknown phrase, or a slot has two phrases, or none and needs one.
        """
        found: dict[int, str] = {}
        for phrase in filter(None, (" ".join(p.split()).lower() for p in text.split(SEPARATOR.strip()))):
            number = self.slot_of.get(phrase)
            if number is None:
                near = difflib.get_close_matches(phrase, self.slot_of, 3, 0.6)
                hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "see looks.json of the model"
                raise RequestError(f"the look holds {phrase!r}, which is none of the model's phrases; {hint}")
            if found.setdefault(number, phrase) != phrase:
                raise RequestError(
                    f"the look says both {found[number]!r} and {phrase!r}; keep one of them ({self.slots[number].name})"
                )
        if not found:
            raise RequestError(f"the look is empty; expected phrases such as {next(iter(self.slot_of))!r} between `;`")
        look = Look({self.slots[number].name: found[number] for number in sorted(found)})
        for slot in self.slots:
            if slot.name in self.needed and slot.name not in look.phrases:
                some = ", ".join(list(slot.phrases)[:4])
                raise RequestError(f"the look does not name its {slot.name}; add one of its phrases, such as {some}")
        return look

    def palette(self, look: Look) -> np.ndarray:
        """Return the colours of all phrases of a look, uint8 (N, 3), sorted."""
        slots = {slot.name: slot for slot in self.slots}
        colors = {color for name, phrase in look.phrases.items() for color in slots[name].phrases[phrase]}
        return np.array(sorted(colors), np.uint8).reshape(-1, 3)


def load_looks(folder: pathlib.Path) -> LookVocabulary | None:
    """Read the look vocabulary of a model folder, None if it has none.

    Raises:
        CheckpointError: the file is damaged.
    """
    path = folder / LOOKS
    if not path.is_file():
        return None
    if is_lfs_pointer(path):
        raise CheckpointError(lfs_message(path))
    try:
        return read_vocabulary(json.loads(path.read_text(encoding="utf-8")))
    except (CheckpointError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{path} is not a vocabulary of looks ({error}); write it again from the data") from error


def read_vocabulary(values: Mapping[str, Any]) -> LookVocabulary:
    """Return the vocabulary that the contents of a `looks.json` describe."""
    slots = (Slot(name, {p: _colors(c) for p, c in phrases.items()}) for name, phrases in values["slots"].items())
    return LookVocabulary(tuple(slots), tuple(values.get("needed", ())))


def _colors(values: Sequence[Sequence[int]]) -> tuple[Color, ...]:
    """Return colours from JSON.

    Raises:
        ValueError: one is not three numbers from 0 to 255.
    """
    for value in values:
        if len(value) != 3 or not all(isinstance(v, int) and 0 <= v <= 255 for v in value):
            raise ValueError(f"the colour {value} is not [red, green, blue] from 0 to 255")
    return tuple((r, g, b) for r, g, b in values)
