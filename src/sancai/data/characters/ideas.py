"""What prompts are about: a character, and which of its attributes are told.

    idea = Ideas(library).draw(rng, "short")

The character is drawn first, for a role or for nobody in particular.  What is told beyond the role is drawn from what
the character is and wears, so a prompt is true, and what it leaves open follows the role.
"""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sancai.data.characters.library import Character, Library
from sancai.data.characters.outfit import STILL, Role, Wardrobe
from sancai.data.characters.sampling import sample_character
from sancai.data.characters.words import ABSENT_WORDS


@dataclass(frozen=True)
class Habits:
    """How often prompts of one style name things."""

    role: float
    forced: tuple[float, ...]
    """Weights of how many items are asked for whatever the role wears."""
    worn: float
    skin: float
    eyes: float
    action: float
    direction: float


HABITS = {
    "short": Habits(0.68, (0.42, 0.43, 0.15), 0.05, 0.04, 0.02, 0.15, 0.1),
    "keywords": Habits(0.55, (0.1, 0.25, 0.3, 0.2, 0.15), 0.3, 0.15, 0.1, 0.3, 0.25),
    "sentence": Habits(0.55, (0.15, 0.25, 0.3, 0.2, 0.1), 0.35, 0.2, 0.12, 0.4, 0.35),
    "full": Habits(0.4, (0.4, 0.2, 0.2, 0.2), 0.97, 0.85, 0.6, 0.75, 0.75),
}
NOTHING = Habits(0, (1,), 0, 0, 0, 0, 0)
FORCED = {
    "hair": 3, "top": 3, "weapon": 3, "hat": 2.5, "cape": 2, "bottom": 1.5, "shoes": 1.5, "beard": 1.2, "shield": 1,
    "gloves": 1, "wings": 1, "eyewear": 0.8, "belt": 0.5, "shoulders": 0.5, "ears": 0.5, "tail": 0.4, "back": 0.4,
    "face": 0.4,
}  # fmt: skip
"""How often each slot is asked for, against the others."""
BARE_SHARE = 0.1
"""How often a prompt says that something is not there."""
RANDOM_SHARE = 0.5
"""How often a full description is of a character with anything the art has."""
FRONT_SHARE = 0.85


@dataclass
class Idea:
    """A character and what a prompt will tell of it."""

    style: str
    who: Character
    direction: str
    role: Role | None = None
    forced: Collection[str] = ()
    bare: Collection[str] = ()
    says: set[str] = field(default_factory=set)
    """Besides slots: species, build, skin, eyes, action, direction."""
    lost: tuple[str, Sequence[Any]] | None = None
    """A slot and its item that were asked for, but not drawn in the action."""


class Ideas:
    """Ideas for the characters of one library."""

    def __init__(self, library: Library) -> None:
        self.library, self.wardrobe = library, Wardrobe(library)

    def draw(self, rng: random.Random, style: str, *, held_out: bool = False) -> Idea:
        """Return a random idea for a style of prompts, its character on one side of the split."""
        while True:
            idea = self._draw(rng, style)
            if idea is not None and self.wardrobe.is_open(idea.who, idea.direction, held_out):
                return idea

    def plain(
        self, rng: random.Random, body: tuple[str, str | None], *, beard: bool | None = None, held_out: bool = False
    ) -> Idea:
        """Return someone in everyday clothes of whom nothing is told.

        Args:
            body: species and build, any build if None.
            beard: surely with or without one; None leaves it open.
        """
        species, anyone = body[0], self.wardrobe.anyone
        while True:
            build = body[1] or ("man" if beard else self.wardrobe.build(anyone, species, rng))
            forced = self.wardrobe.force(rng, (species, build), ["beard"] if beard else [], "walk")
            who = self.wardrobe.dress(anyone, rng, (species, build), forced, ["beard"] if beard is False else [])
            idea = self._posed(rng, Idea("short", who, ""), NOTHING)
            if idea is not None and self.wardrobe.is_open(idea.who, idea.direction, held_out):
                return idea

    def plain_role(self, rng: random.Random, role: Role, *, held_out: bool = False) -> Idea:
        """Return someone with a role of whom nothing else is told."""
        while True:
            who = self.wardrobe.dress(role, rng, self.wardrobe.body(role, rng))
            idea = self._posed(rng, Idea("short", who, "", role), NOTHING)
            if idea is not None and self.wardrobe.is_open(idea.who, idea.direction, held_out):
                return idea

    def _draw(self, rng: random.Random, style: str) -> Idea | None:
        """Return a random idea, None where its wishes do not go together."""
        habits = HABITS[style]
        if style == "full" and rng.random() < RANDOM_SHARE:
            return self._random_idea(rng, habits)
        role = self.wardrobe.roles[rng.choice(self.wardrobe.titles)] if rng.random() < habits.role else None
        body, stated = self._body(rng, role)
        count = rng.choices(range(len(habits.forced)), habits.forced)[0]
        slots = self._slots(rng, count)
        forced = self.wardrobe.force(rng, body, slots, "slash" if rng.random() < 0.05 else "walk")
        removed = self._removed(rng, body, forced)
        who = self.wardrobe.dress(role or self.wardrobe.anyone, rng, body, forced, removed)
        if removed & set(who["items"]):
            return None
        idea = Idea(style, who, "", role, list(forced), removed, stated | set(forced))
        return self._posed(rng, idea, habits)

    def _random_idea(self, rng: random.Random, habits: Habits) -> Idea | None:
        who = sample_character(self.library, rng)
        idea = Idea("full", who, "", says={"species", "build", "action"})
        return self._placed(rng, idea, habits)

    def _body(self, rng: random.Random, role: Role | None) -> tuple[tuple[str, str], set[str]]:
        """Return species and build, and which of them have to be told."""
        stated = set()
        species, build = self.wardrobe.body(role or self.wardrobe.anyone, rng)
        if rng.random() < (0.2 if role else 0.3):
            names = sorted(self.library.species)
            species = rng.choices(names, [self.library.species[n]["weight"] ** 0.5 for n in names])[0]
            build = self.wardrobe.build(role or self.wardrobe.anyone, species, rng)
            stated.add("species")
        if species != "human" and (role is None or rng.random() < 0.5):
            stated.add("species")
        if rng.random() < (0.3 if role else 0.6):
            stated.add("build")
        return (species, build), stated

    def _slots(self, rng: random.Random, count: int) -> list[str]:
        """Return different slots to ask for, capes, wings and bags not together."""
        names = [slot for slot in FORCED if slot in self.library.by_slot]
        found: list[str] = []
        for slot in rng.choices(names, [FORCED[n] for n in names], k=count):
            backs = {"cape", "wings", "back"}
            if slot not in found and not (slot in backs and backs & set(found)):
                found.append(slot)
        return found

    def _removed(self, rng: random.Random, body: tuple[str, str], forced: Mapping[str, Any]) -> set[str]:
        """Return slots that are to stay empty, mostly none."""
        if rng.random() >= BARE_SHARE:
            return set()
        species, build = body
        spec = self.library.species[species]
        options = {slot for slot in ("hat", "shoes", "weapon", "cape", "gloves", "shield") if slot not in forced}
        options |= {"hair"} if spec.get("hair") and not {"hair", "hat"} & set(forced) else set()
        options |= {"beard"} if spec.get("beard") and build == "man" and "beard" not in forced else set()
        options |= {"top"} if build == "man" and "top" not in forced else set()
        found = {rng.choice(sorted(options & set(ABSENT_WORDS)))}
        return found | ({"hat"} if "hair" in found else set())

    def _posed(self, rng: random.Random, idea: Idea, habits: Habits) -> Idea | None:
        """Give the character an action, said or not."""
        who = idea.who
        if rng.random() < habits.action:
            action = rng.choice(self.library.actions(who["species"], who["build"]))
            idea.who = self.wardrobe.fit(who, action)
            idea.says.add("action")
            lost = [s for s in idea.forced if idea.who["items"].get(s, [""])[0] != who["items"][s][0]]
            if lost and (len(lost) > 1 or rng.random() < 0.6):
                return None
            if lost:
                idea.lost = (lost[0], who["items"][lost[0]])
                idea.says.discard(lost[0])
        elif who["action"] in STILL:
            still = [a for a in STILL if a in self.wardrobe.actions(who)]
            idea.who = {**who, "action": rng.choice(still)}
        return self._placed(rng, idea, habits)

    def _placed(self, rng: random.Random, idea: Idea, habits: Habits) -> Idea:
        """Turn the character to a side, said or not, and choose what else is told."""
        who = idea.who
        sides = self.library.facings(who["action"])
        if rng.random() < habits.direction:
            idea.direction = rng.choice(sides)
            idea.says.add("direction")
        else:
            idea.direction = "south" if "south" in sides and rng.random() < FRONT_SHARE else rng.choice(sides)
        idea.says |= {slot for slot in who["items"] if rng.random() < habits.worn}
        for name, chance in (("skin", habits.skin), ("eyes", habits.eyes)):
            if rng.random() < chance:
                idea.says.add(name)
        return idea
