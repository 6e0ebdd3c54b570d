"""Random characters that the art can draw: the rules of what goes with what."""

import random
from collections.abc import Sequence
from typing import Any

from sancai.data.characters.library import Character, Library

OPTIONAL = {
    "beard": 0.3, "face": 0.15, "eyewear": 0.12, "hat": 0.4, "ears": 0.12, "shoes": 0.85, "gloves": 0.2,
    "shoulders": 0.15, "belt": 0.2, "cape": 0.22, "wings": 0.1, "tail": 0.08, "back": 0.07, "shield": 0.15,
    "weapon": 0.35,
}  # fmt: skip
"""How often a slot is filled where the character may have it."""
ARMED = ("slash", "thrust", "shoot", "backslash", "halfslash")
EYEWEAR_SPECIES = ("human", "elder", "elf", "vampire")
TAIL_SPECIES = ("human", "elf", "lizard", "vampire")


def sample_character(library: Library, rng: random.Random, action: str | None = None) -> Character:
    """Return a random character that performs `action` (any, if None)."""
    return _Draft(library, rng, action).finish()


class _Draft:
    """A character being dressed; every choice keeps to what was drawn for its body and action."""

    def __init__(self, library: Library, rng: random.Random, action: str | None) -> None:
        self.library, self.rng = library, rng
        self.species, self.build, self.action = self._body(action)
        self.spec = library.species[self.species]
        self.items: dict[str, list[Any]] = {}

    def _body(self, action: str | None) -> tuple[str, str, str]:
        names = sorted(self.library.species)
        weights = [self.library.species[n]["weight"] for n in names]
        while True:
            species = self.rng.choices(names, weights)[0]
            build = self.rng.choice(sorted(self.library.species[species]["anims"]))
            act = action or self.rng.choice(sorted(self.library.animations))
            if act in self.library.actions(species, build):
                return species, build, act

    def finish(self) -> Character:
        rng, info = self.rng, self.library.info
        skins = sorted(self.spec["skins"])
        skin = rng.choice(skins) if skins else None
        eyes = rng.choice(sorted(info["eye_words"]))
        self._head()
        self._clothes()
        self._gear()
        return {
            "species": self.species, "build": self.build, "action": self.action, "items": self.items,
            "skin": skin, "eyes": eyes,
        }  # fmt: skip

    def put(self, slot: str, keys: Sequence[str] | None = None) -> None:
        """Fill a slot with a random item that this body can wear."""
        if slot not in self.library.by_slot:
            return
        if keys is None:
            keys = self.library.choices(slot, self.species, self.build, self.action)
        if keys:
            key = self.rng.choice(keys)
            self.items[slot] = [key, random_color(self.library, self.rng, key)]

    def maybe(self, *slots: str) -> None:
        """Fill each slot by its own chance."""
        for slot in slots:
            if self.chance(slot):
                self.put(slot)

    def chance(self, slot: str) -> bool:
        return self.rng.random() < OPTIONAL[slot]

    def _head(self) -> None:
        self.maybe("hat")
        hat = self.library.items[self.items["hat"][0]] if "hat" in self.items else {}
        self._hair(hat)
        if not hat.get("hides_face"):
            if self.spec.get("face"):
                self.maybe("face")
            if self.species in EYEWEAR_SPECIES:
                self.maybe("eyewear")
        if not hat and self.spec.get("hair") and self.species != "elf":
            self.maybe("ears")

    def _hair(self, hat: dict[str, Any]) -> None:
        """Hair and beard share one colour; hats flatten or cover the hair."""
        info = self.library.info
        color = self.rng.choice(sorted(info["hair_words"]))
        if self.spec.get("hair") and hat.get("hair") != "cover" and self.rng.random() < 0.95:
            keys = self.library.choices("hair", self.species, self.build, self.action)
            flat = set(info["flat_hair"])
            self.put("hair", [k for k in keys if k in flat] if hat.get("hair") == "flat" else keys)
        has_beard = self.spec.get("beard") and self.build == "man" and not hat.get("hides_face")
        if has_beard and self.chance("beard"):
            self.put("beard")
        for slot in ("hair", "beard"):
            if slot in self.items:
                self.items[slot][1] = color

    def _clothes(self) -> None:
        if self.species != "skeleton" or self.rng.random() < 0.5:
            self.put("top")
            if "top" not in self.items or not self.library.items[self.items["top"][0]].get("full"):
                self.put("bottom")
        self.maybe("shoes", "gloves", "shoulders", "belt")
        for slot in ("cape", "wings", "back"):
            if self.chance(slot):
                self.put(slot)
                break
        if self.species in TAIL_SPECIES:
            self.maybe("tail")

    def _gear(self) -> None:
        if (self.action in ARMED and self.rng.random() < 0.8) or self.chance("weapon"):
            self.put("weapon")
        self.maybe("shield")
        has_bow = self.items.get("weapon", [""])[0] == "bow"
        bare_back = not {"back", "cape", "wings"} & set(self.items)
        if self.action == "shoot" and has_bow and bare_back and self.rng.random() < 0.4:
            self.items["back"] = ["quiver", None]


def random_color(library: Library, rng: random.Random, key: str) -> str | None:
    """Return a random colour of an item, None if it has no choice."""
    colors = sorted(library.items[key]["colors"])
    return rng.choice(colors) if colors else None
