"""Characters dressed for a role, for an action, and for one side of the split.

wardrobe = Wardrobe(library)
who = wardrobe.dress(wardrobe.roles["knight"], rng)
who = wardrobe.fit(who, "run")            # what is not drawn in that action is replaced or left out
"""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sancai.data.characters.library import Character, Library
from sancai.data.characters.roles import COLORS, OUTFITS, ROLES
from sancai.data.characters.sampling import EYEWEAR_SPECIES, TAIL_SPECIES
from sancai.data.characters.split import MOST_CUT_OFF, attributes, is_held_out

ORDER = (
    "hat", "hair", "beard", "face", "eyewear", "ears", "top", "bottom", "shoes", "gloves", "shoulders", "belt",
    "wings", "cape", "tail", "back", "shield", "weapon",
)  # fmt: skip
"""Slots in the order of dressing: what decides about others comes first."""
STILL = ("walk", "idle")
"""Actions of a character of whom nothing is said: a frame of walking stands, and more was drawn for it."""
SUBSTITUTES = {
    "tunic": "long_shirt", "blouse": "long_shirt", "fur_coat": "cardigan", "tabard": "sleeveless",
    "striped_top": "t_shirt", "leather_armor": "sleeveless", "chainmail": "plate_armor", "kimono": "long_shirt",
    "slit_dress": "sleeveless", "skirt": "trousers", "wide_skirt": "leggings", "legion_skirt": "shorts",
    "leg_armor": "leggings", "armored_boots": "boots", "shoulder_plates": "epaulettes",
    "round_shield": "heater_shield", "leather_belt": "obi", "sash": "obi", "butterfly_wings": "feathered_wings",
    "pixie_wings": "feathered_wings",
}  # fmt: skip
"""What stands in where an action lacks an item."""
NEAR_COLORS = {
    "steel": "gray", "iron": "gray", "silver": "gray", "copper": "brown", "golden": "yellow", "light blue": "blue",
    "tan": "brown", "teal": "green", "yellow": "blonde", "white": "gray", "gray": "white",
}  # fmt: skip
NATURAL = "black/black/dark brown/dark brown/light brown/light brown/blonde/blonde/red/red/orange/white/gray"
NATURAL_SHARE = 0.85
"""How often hair of any colour grows like that."""
RARE_EYES = 0.08
ON_BACK = ("wings", "cape", "back")
RULED = ("hat", "hair", "beard", "face", "eyewear", "ears", "bottom", "tail", *ON_BACK)
"""Slots that depend on the species and on other slots."""
ANY, SAME = "*", "="
Option = tuple[float, str, str]
"""Weight, colours joined by `/` (`*` any, `=` as the top), item (`*` any)."""


@dataclass(frozen=True)
class Clause:
    """How often a slot is filled, and with what."""

    chance: float
    options: tuple[Option, ...]


@dataclass(frozen=True)
class Role:
    """A role or trade: what it is called, who has it and what they wear."""

    names: tuple[str, ...]
    species: Mapping[str, float]
    builds: Mapping[str, float]
    slots: Mapping[str, Clause]

    @property
    def name(self) -> str:
        return self.names[0].split("@")[0]


@dataclass
class _Draft:
    """A character being dressed."""

    species: str
    build: str
    action: str
    forced: Mapping[str, Sequence[Any]]
    items: dict[str, list[Any]] = field(default_factory=dict)


@lru_cache(maxsize=1)
def declared_roles() -> dict[str, Role]:
    """Return every outfit and role by its first name."""
    found: dict[str, Role] = {}
    for entry in _entries(OUTFITS) + _entries(ROLES):
        names, base, clauses = (part.strip() for part in entry.split("|"))
        role = _role(names, found.get(base), clauses)
        found[role.name] = role
    return found


def role_names() -> list[str]:
    """Return the first names of the roles, without the outfits that they build on."""
    return [entry.split("|")[0].split(",")[0].split("@")[0].strip() for entry in _entries(ROLES)]


def _entries(text: str) -> list[str]:
    """Return declarations, each on one line."""
    return " ".join(line if line.startswith(" ") else "\n" + line for line in text.splitlines()).split("\n")[2:]


def _role(names: str, base: Role | None, text: str) -> Role:
    species, builds = (dict(base.species), dict(base.builds)) if base else ({}, {})
    slots = dict(base.slots) if base else {}
    for clause in filter(None, (part.strip() for part in text.split(";"))):
        head, _, tail = clause.partition(":")
        slot, *chance = head.split()
        if slot in ("species", "build"):
            weights = {words[0]: float((words[1:] or ["1"])[0]) for words in map(str.split, tail.split(","))}
            species, builds = (weights, builds) if slot == "species" else (species, weights)
        else:
            slots[slot] = Clause(float((chance or ["1"])[0]), tuple(map(_option, tail.split(","))))
    return Role(tuple(n.strip() for n in names.split(",")), species, builds, slots)


def _option(text: str) -> Option:
    """Return an option; colours may hold spaces: `pink/light blue slit_dress 2`."""
    words = text.split()
    weight = float(words.pop()) if words[-1].replace(".", "").isdigit() else 1.0
    colors = " ".join(words[:-1]) or ANY
    return weight, "/".join(COLORS.get(c, c) for c in colors.split("/")), words[-1]


class Wardrobe:
    """What the art of one library can dress characters in."""

    def __init__(self, library: Library) -> None:
        self.library, self.roles = library, declared_roles()
        self.anyone = self.roles["anyone"]
        self.titles = role_names()
        self._drawn: dict[tuple[str, str, str], list[str]] = {}
        self._cut_off: dict[tuple[Any, ...], bool] = {}
        self._actions = {
            (key, build): frozenset(actions)
            for key, item in library.items.items()
            for build, actions in item["anims"].items()
        }
        self._sorted = {key: sorted(item["colors"]) for key, item in library.items.items()}
        self._keys = {
            (key, word): color for key, item in library.items.items() for color, word in item["colors"].items()
        }

    # -- what can be drawn ----------------------------------------------------------------------

    def drawn(self, slot: str, build: str, action: str) -> list[str]:
        """Return the items of a slot that were drawn for a body in an action."""
        key = (slot, build, action)
        if key not in self._drawn:
            items = self.library.items
            known = self.library.by_slot.get(slot, ())
            self._drawn[key] = [k for k in known if action in items[k]["anims"].get(build, ())]
        return self._drawn[key]

    def actions(self, who: Character) -> list[str]:
        """Return the actions in which everything that a character wears was drawn."""
        return self._shared(who["species"], who["build"], who["items"])

    def _shared(self, species: str, build: str, items: Mapping[str, Sequence[Any]]) -> list[str]:
        """Return the actions in which a body and all items were drawn."""
        found = frozenset(self.library.actions(species, build))
        for key, _ in items.values():
            found &= self._actions.get((key, build), frozenset())
        return [action for action in self.library.actions(species, build) if action in found]

    def is_drawn(self, key: str, build: str, action: str) -> bool:
        """Return whether an item was drawn for a body in an action."""
        return action in self._actions.get((key, build), ())

    def is_open(self, who: Character, direction: str, held_out: bool) -> bool:
        """Return whether a character is on one side of the split and its weapon and wings fit into the picture."""
        if is_held_out(attributes(self.library, who, direction)) != held_out:
            return False
        held = [who["items"].get(slot, (None,))[0] for slot in ("weapon", "wings")]
        if held == [None, None]:
            return True
        key = (who["build"], who["action"], direction, *held)
        if key not in self._cut_off:
            self._cut_off[key] = self.library.cut_off(who, direction) <= MOST_CUT_OFF
        return self._cut_off[key]

    # -- dressing -------------------------------------------------------------------------------

    def body(self, role: Role, rng: random.Random) -> tuple[str, str]:
        """Return a species and build for a role."""
        known = {s: w for s, w in role.species.items() if s in self.library.species}
        species = (
            rng.choices(list(known), list(known.values()))[0] if known else rng.choice(sorted(self.library.species))
        )
        return species, self.build(role, species, rng)

    def build(self, role: Role, species: str, rng: random.Random) -> str:
        """Return a build for a role that the species has."""
        builds = [b for b in self.library.species[species]["anims"] if role.builds.get(b, not role.builds)]
        builds = builds or sorted(self.library.species[species]["anims"])
        return rng.choices(builds, [role.builds.get(b, 1.0) for b in builds])[0]

    def dress(
        self,
        role: Role,
        rng: random.Random,
        body: tuple[str, str],
        forced: Mapping[str, Sequence[Any]] | None = None,
        bare: Collection[str] = (),
    ) -> Character:
        """Return a walking character dressed for a role, or in the first action that all forced items have.

        Args:
            body: species and build.
            forced: items that it wears anyway, by slot: (item, colour).
            bare: slots that stay empty.
        """
        forced = forced or {}
        draft = _Draft(*body, self._action(body, forced), forced)
        for slot in ORDER:
            if slot in self.library.by_slot and slot not in bare:
                self._fill(draft, slot, role, rng)
        self._match_hair(draft, rng)
        species = self.library.species[draft.species]
        skins = sorted(species["skins"])
        return {
            "species": draft.species, "build": draft.build, "action": draft.action, "items": draft.items,
            "skin": rng.choice(skins) if skins else None, "eyes": self.eyes(draft.species, rng),
        }  # fmt: skip

    def force(
        self, rng: random.Random, body: tuple[str, str], slots: Sequence[str], action: str
    ) -> dict[str, list[Any]]:
        """Return a random item of any kind and colour for each slot that the body may fill, all of them fitting."""
        draft = _Draft(*body, action, {})
        for slot in sorted(slots, key=ORDER.index):
            keys = self._fitting(draft, slot) if self._allowed(draft, slot) else []
            if keys:
                key = rng.choice(keys)
                draft.items[slot] = [key, self._color(draft, key, ANY, rng)]
        self._match_hair(draft, rng)
        return draft.items

    def _action(self, body: tuple[str, str], forced: Mapping[str, Sequence[Any]]) -> str:
        species, build = body
        fit = self._shared(species, build, forced)
        return next((a for a in (*STILL, "slash") if a in fit), (fit or self.library.actions(species, build))[0])

    def _fill(self, draft: _Draft, slot: str, role: Role, rng: random.Random) -> None:
        """Fill a slot by force, or by the role's chance where nothing forbids it."""
        if slot in draft.forced:
            draft.items[slot] = list(draft.forced[slot])
            return
        clause = role.slots.get(slot) or self.anyone.slots.get(slot)
        always = slot == "top" and draft.build == "woman"
        if clause is None or not (always or rng.random() < clause.chance) or not self._allowed(draft, slot):
            return
        keys = self._fitting(draft, slot)
        found = [
            (w, colors, [key] if key != ANY else keys) for w, colors, key in _open(clause.options, draft.build, keys)
        ]
        if not found and slot in ("top", "bottom"):
            found = [(1.0, ANY, keys)] if keys else []
        if found:
            _, colors, choices = rng.choices(found, [weight for weight, _, _ in found])[0]
            key = rng.choice(choices)
            draft.items[slot] = [key, self._color(draft, key, colors, rng)]

    def _allowed(self, draft: _Draft, slot: str) -> bool:
        """Return whether the species has a slot and nothing worn or forced forbids it."""
        if slot not in RULED:
            return True
        spec, items, taken = self.library.species[draft.species], self.library.items, {**draft.forced, **draft.items}
        if slot in ON_BACK:
            return not any(other in taken for other in ON_BACK)
        if slot == "bottom":
            return not ("top" in taken and items[taken["top"][0]].get("full"))
        hat = items[taken["hat"][0]] if "hat" in taken else {}
        if hat.get("hides_face"):
            return slot == "tail" and draft.species in TAIL_SPECIES
        return {
            "hat": "ears" not in draft.forced, "hair": bool(spec.get("hair")) and hat.get("hair") != "cover",
            "beard": bool(spec.get("beard")) and draft.build == "man", "face": bool(spec.get("face")),
            "eyewear": draft.species in EYEWEAR_SPECIES, "tail": draft.species in TAIL_SPECIES,
            "ears": not hat and bool(spec.get("hair")) and draft.species != "elf",
        }[slot]  # fmt: skip

    def _fitting(self, draft: _Draft, slot: str) -> list[str]:
        """Return the items that go with what is worn and forced."""
        items, forced = self.library.items, draft.forced
        keys = self.drawn(slot, draft.build, draft.action)
        flat = set(self.library.info["flat_hair"])
        if slot == "hat" and "hair" in forced:
            is_flat = forced["hair"][0] in flat
            keys = [k for k in keys if items[k].get("hair") != "cover" and (is_flat or not items[k].get("hair"))]
        if slot == "hat" and {"beard", "face", "eyewear"} & set(forced):
            keys = [k for k in keys if not items[k].get("hides_face")]
        if slot == "hair" and "hat" in draft.items and items[draft.items["hat"][0]].get("hair") == "flat":
            keys = [k for k in keys if k in flat]
        if slot == "top" and "bottom" in forced:
            keys = [k for k in keys if not items[k].get("full")]
        return keys

    def _color(self, draft: _Draft, key: str, colors: str, rng: random.Random) -> str | None:
        """Return the colour key of an item for declared colour words; any where it has none of them."""
        table = self._sorted[key]
        if not table:
            return None
        if colors == SAME:
            top = draft.items.get("top")
            word = self.library.items[top[0]]["colors"].get(top[1], "") if top else ""
            return self.nearest(key, word) or rng.choice(table)
        if colors == ANY and self.library.items[key]["slot"] in ("hair", "beard") and rng.random() < NATURAL_SHARE:
            colors = NATURAL
        if colors == ANY:
            return rng.choice(table)
        known = [c for word in colors.split("/") if (c := self._keys.get((key, word)))]
        return rng.choice(known or table)

    def nearest(self, key: str, word: str) -> str | None:
        """Return an item's colour for a colour word or for the one next to it."""
        return self._keys.get((key, word)) or self._keys.get((key, NEAR_COLORS.get(word, "")))

    def eyes(self, species: str, rng: random.Random) -> str:
        """Return a colour of eyes; red ones are rare outside vampires."""
        words = self.library.info["eye_words"]
        rare = RARE_EYES if species != "vampire" else 1.0
        return rng.choices(list(words), [rare if word == "red" else 1.0 for word in words.values()])[0]

    def _match_hair(self, draft: _Draft, rng: random.Random) -> None:
        """Give hair and beard one colour; a forced one decides."""
        both = [slot for slot in ("hair", "beard") if slot in draft.items]
        if len(both) == 2:
            first = "beard" if "beard" in draft.forced and "hair" not in draft.forced else "hair"
            for slot in both:
                draft.items[slot][1] = draft.items[first][1]

    # -- another action -------------------------------------------------------------------------

    def fit(self, who: Character, action: str) -> Character:
        """Return the character in another action; items that it lacks are replaced by the nearest or left out."""
        after = {**who, "action": action, "items": {}}
        for slot, (key, color) in who["items"].items():
            new = self._substitute(key, color, who["build"], action)
            if new is not None:
                after["items"][slot] = new
        top = who["items"].get("top")
        if top and self.library.items[top[0]].get("full") and "bottom" not in who["items"]:
            if "top" in after["items"] and not self.library.items[after["items"]["top"][0]].get("full"):
                self._add_bottom(after, top)
        return after

    def _substitute(self, key: str, color: str | None, build: str, action: str) -> list[Any] | None:
        """Return an item of the same colour that was drawn in an action, None where there is none."""
        items = self.library.items
        word = items[key]["colors"].get(color, "")
        while not self.is_drawn(key, build, action):
            key = SUBSTITUTES.get(key, "")
            if key not in items:
                return None
            color = self.nearest(key, word) or next(iter(sorted(items[key]["colors"])), None)
        return [key, color]

    def _add_bottom(self, who: Character, top: Sequence[Any]) -> None:
        """Put leggings in a dress's colour under what replaces the dress."""
        word = self.library.items[top[0]]["colors"].get(top[1], "")
        for key in ("leggings", "trousers"):
            if key in self.drawn("bottom", who["build"], who["action"]):
                who["items"]["bottom"] = [key, self.nearest(key, word) or sorted(self.library.items[key]["colors"])[0]]
                return


def _open(options: Sequence[Option], build: str, keys: Sequence[str]) -> list[Option]:
    """Return the options whose item is among the keys, without the mark of their build."""
    found = []
    for weight, colors, item in options:
        key, _, only = item.partition("@")
        if only in ("", build[0]) and (key in keys or (key == ANY and keys)):
            found.append((weight, colors, key))
    return found
