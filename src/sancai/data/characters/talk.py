"""Conversation about the model itself: what it is, draws, knows and cannot do, in several turns.

    turns = Talk(library).conversation(rng)

What it says about its art is read from the library, so it never claims what the pack has not.
"""

import random
from collections.abc import Sequence

from sancai.data.characters.intents import INTENTS
from sancai.data.characters.library import Library
from sancai.data.characters.limits import Limits, plural
from sancai.data.characters.look import shorten
from sancai.data.characters.prompts import Prompt, Prompter
from sancai.data.spelling import as_typed
from sancai.data.turn import Turn, assistant, user

YES = (
    "yes|yes please|ok|sure|okay|yes, do that|please do|yeah|go ahead|good idea|why not|yep|do it|sounds good|fine"
).split("|")
NO = ("no|no thanks|nope|no, thank you|not really|nah|rather not|i don't want that").split("|")
AFTER_NO = (
    "All right. Tell me about another character.",
    "No problem. What shall I draw instead?",
    "Fine. Who shall it be?",
)
MEMORY = (
    "what did i ask for?",
    "what did you draw?",
    "who is that?",
    "what was that?",
    "what is the character wearing?",
    "what did you just make?",
)
FIRST, LAST = ("hello", "hello", "mood", "name", "skills"), ("thanks", "bye")


class Talk:
    """Conversations about the model and its art."""

    def __init__(self, prompter: Prompter) -> None:
        self.prompter, self.limits = prompter, Limits(prompter)
        self.facts = facts(prompter.library)
        self.intents = INTENTS

    def conversation(self, rng: random.Random, *, held_out: bool = False) -> list[Turn]:
        """Return a conversation of one to five exchanges, some of them with drawings."""
        kind = rng.random()
        if kind < 0.12:
            return self._offer(rng, held_out)
        if kind < 0.2:
            return self._memory(rng, held_out)
        turns: list[Turn] = []
        names = [rng.choice(list(self.intents)) for _ in range(rng.choices((1, 2, 3, 4), (50, 25, 15, 10))[0])]
        if len(names) > 1 and rng.random() < 0.5:
            names[0] = rng.choice(FIRST)
        if len(names) > 1 and rng.random() < 0.3:
            names[-1] = rng.choice(LAST)
        for name in dict.fromkeys(names):
            turns += self.exchange(rng, name)
        if rng.random() < 0.1:
            turns += self.prompter.draw(rng, held_out=held_out).turns()
        return turns

    def exchange(self, rng: random.Random, name: str) -> list[Turn]:
        """Return a question of one kind and its answer."""
        asked, answers = self.intents[name]
        answer = rng.choice(
            [a for a in answers if all(f"{{{k}}}" not in a for k, v in self.facts.items() if not v)] or answers
        )
        return [user(as_typed(rng.choice(asked.split("|")), rng, typos=0.04)), assistant(answer.format(**self.facts))]

    def _offer(self, rng: random.Random, held_out: bool) -> list[Turn]:
        """Return a request that is not met, an offer, and what is answered to it."""
        while True:
            thing = self.limits.draw(rng, kind="thing")
            offered = thing.answer.rstrip("?").removesuffix(" instead").split(" a ")[-1]
            role = self.prompter.ideas.wardrobe.roles.get(offered)
            if role is not None:
                break
        turns = thing.turns()
        if rng.random() < 0.3:
            return [*turns, user(as_typed(rng.choice(NO), rng)), assistant(rng.choice(AFTER_NO))]
        look = self.prompter.plain_role(rng, role, held_out=held_out)
        return [*turns, user(as_typed(rng.choice(YES), rng)), assistant("", str(look))]

    def _memory(self, rng: random.Random, held_out: bool) -> list[Turn]:
        """Return a drawing and a question about it, answered from its look."""
        prompt: Prompt = self.prompter.draw(rng, held_out=held_out, style="short")
        turns = prompt.turns()
        assert prompt.look is not None
        sentence = self.prompter.sentence(prompt.look)
        return [*turns, user(as_typed(rng.choice(MEMORY), rng)), assistant(sentence)]


def facts(library: Library) -> dict[str, str]:
    """Return what the art of a library has, as lists in words."""
    items = library.items

    def things(slot: str, most: int = 7) -> str:
        known = library.by_slot.get(slot, [])
        keys = [known[at * len(known) // most] for at in range(most)] if len(known) > most else known
        plain = [shorten(items[k]["phrase"].replace("{c} ", "").replace("{c}", "")) for k in keys]
        return listed([p if p.endswith("s") or slot in ("hair",) else _some(p) for p in plain])

    def colors(slot: str) -> list[str]:
        return list(dict.fromkeys(w for k in library.by_slot.get(slot, ()) for w in items[k]["colors"].values()))

    metals = ("steel", "iron", "copper", "golden", "silver")
    cloth = [c for slot in ("top", "bottom", "cape") for c in colors(slot) if c not in metals]
    species = [plural(_kind(name, spec)) for name, spec in library.species.items()]
    return {
        "all_species": listed(species), "some_species": ", ".join(species[:4]), "tops": things("top", 8),
        "bottoms": things("bottom"),
        "shoes": things("shoes") or "no shoes", "hats": things("hat"), "weapons": things("weapon", 12),
        "hairs": things("hair"),
        "hair_colors": listed(colors("hair")), "cloth_colors": listed(list(dict.fromkeys(cloth))),
        "metals": listed([m for m in metals if any(
            m in colors(slot) for slot in library.slots)]),
            "actions": listed([spec["ing"] for spec in library.animations.values()]),
    }  # fmt: skip


def _kind(name: str, spec: dict[str, dict[str, str]]) -> str:
    """Return what one of a species is called."""
    return {"elder": "old person", "lizard": "lizard person", "mouse": "mouse person", "rabbit": "rabbit person",
            "pig": "pig person",
            "sheep": "sheep person", "boar": "boar person", "monster": "bolt-necked monster"}.get(name,
                                                                                                  name)  # fmt: skip


def _some(noun: str) -> str:
    """Return the plural of a thing that can be counted."""
    return noun if noun.endswith(("armor", "chainmail", "hair")) else plural(noun)


def listed(words: Sequence[str]) -> str:
    """Return `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""
