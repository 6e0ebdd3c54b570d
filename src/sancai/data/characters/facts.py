"""Ideas put into phrases, with what each phrase names."""

import random
from dataclasses import dataclass, field

from sancai.data.characters.captions import HAS, HOLDS, WEARS
from sancai.data.characters.ideas import Idea
from sancai.data.characters.library import Character, Library
from sancai.data.characters.outfit import Role
from sancai.data.characters.wording import BUILDS, Named, Wording, bare, fix_articles
from sancai.data.characters.words import IGNORED

NOBODY = ("character", "character", "person", "someone", "figure", "game character", "rpg character")
"""Who somebody is of whom nothing is told."""
AMBIGUOUS = {"black", "white", "brown", "tan", "dark", "light", "pale", "metal", "copper", "bronze", "coppery", "cream",
             "jet-black", "pitch-black", "ivory", "beige", "khaki", "chocolate", "deep"}  # fmt: skip
"""Colours of clothes that before a person would tell of the skin."""
MUSTACHES = ("handlebar", "walrus")
FACES = {"happy": "smiling|happy|cheerful|grinning", "sad": "sad|unhappy", "angry": "angry|furious",
         "shocked": "shocked|surprised"}  # fmt: skip
CARRIED, WORN = (*HAS, "back"), tuple(slot for slot in WEARS if slot != "back")
CLAD = {"skin": "skinned", "scales": "scaled", "fur": "furred"}
TRAIT_SHARE = 0.12
"""How often somebody is called brave or grumpy, which the look ignores and stories do not."""
COLOR_SHARE = 0.85
"""How often a thing is told with its colour."""


@dataclass
class Facts:
    """The phrases of a prompt."""

    noun: str
    """Who it is, without article."""
    has: list[str] = field(default_factory=list)
    wears: list[str] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)
    lacks: list[str] = field(default_factory=list)
    doing: str | None = None
    facing: str | None = None
    pronoun: str = "they"
    named: Named = field(default_factory=dict)
    answer: str = ""
    trait: str | None = None
    """An adjective that tells nothing about the look."""

    def things(self) -> list[str]:
        """Return what it has, wears, holds and lacks."""
        return [*self.has, *self.wears, *self.holds, *self.lacks]


class Teller:
    """Chooses phrases for ideas."""

    def __init__(self, library: Library, wording: Wording) -> None:
        self.library, self.wording = library, wording

    def tell(self, rng: random.Random, idea: Idea) -> Facts:
        """Return phrases for everything that an idea tells."""
        facts = Facts("")
        left = set(idea.says)
        before = self._before(rng, idea, left, facts)
        noun, named = self._noun(rng, idea)
        facts.noun = " ".join(filter(None, (*before, noun)))
        facts.named |= named
        if "build" in facts.named:
            facts.pronoun = "he" if idea.who["build"] == "man" else "she"
        self._body(rng, idea.who, left, facts)
        self._together(rng, idea.who, left, facts)
        for slots, phrases in ((CARRIED, facts.has), (WORN, facts.wears), (HOLDS, facts.holds)):
            for slot in slots:
                if slot in left and slot in idea.who["items"]:
                    phrases.append(self._thing(rng, slot, idea, facts))
        for slot in sorted(idea.bare):
            if slot in facts.named or (slot == "hat" and "hair" in idea.bare):
                continue
            words, more = self.wording.absent(rng, slot)
            facts.lacks.append(words)
            facts.named |= more
        self._lost(rng, idea, facts)
        self._pose(rng, idea, facts)
        return facts

    # -- who ------------------------------------------------------------------------------------

    def _before(self, rng: random.Random, idea: Idea, left: set[str], facts: Facts) -> list[str]:
        """Return adjectives; those that name an attribute take it from what is left to tell."""
        who, items, named = idea.who, idea.who["items"], facts.named
        words: list[str] = []
        if rng.random() < TRAIT_SHARE:
            facts.trait = rng.choice(IGNORED)
            words.append(facts.trait)
        face = items.get("face", [""])[0]
        if "face" in left and face in FACES and rng.random() < 0.5:
            left.discard("face")
            named["face"] = (face,)
            words.append(rng.choice(FACES[face].split("|")))
        if "beard" in left and rng.random() < 0.15 and items["beard"][0] not in MUSTACHES:
            left.discard("beard")
            named["beard"] = tuple(k for k in self.library.by_slot["beard"] if k not in MUSTACHES)
            words.append("bearded")
        if "hair" in left and "hair" in items and rng.random() < 0.15:
            left.discard("hair")
            key, color = items["hair"]
            keys = self.library.by_slot["hair"]
            word, named["hair_color"] = self.wording.color(rng, "hair", keys, key, color)
            words.append(f"{word.replace(' ', '-')}-haired")
        if "hair" in idea.bare and rng.random() < 0.6:
            named["hair"] = (None,)
            words.append("bald")
        if "skin" in left and who["skin"] and who["species"] not in ("pig", "sheep") and rng.random() < 0.3:
            left.discard("skin")
            text, more = self.wording.skin(rng, who)
            named |= more
            word, _, material = text.rpartition(" ")
            words.append(f"{word.replace(' ', '-')}-{CLAD[material]}")
        return words + self._clothed(rng, idea, left, named)

    def _clothed(self, rng: random.Random, idea: Idea, left: set[str], named: Named) -> list[str]:
        """Return now and then the colour of the clothes as an adjective: `blue wizard`."""
        top = idea.who["items"].get("top")
        if not (idea.role and top and top[1] and "top" in left and rng.random() < 0.35):
            return []
        word, colors = self.wording.color(rng, "top", self.library.by_slot["top"], *top)
        if set(word.split()) & AMBIGUOUS:
            return []
        left.discard("top")
        named["top_color"] = colors
        return [word]

    def _noun(self, rng: random.Random, idea: Idea) -> tuple[str, Named]:
        """Return a noun for role, species and build, as far as they are told."""
        who, says = idea.who, idea.says
        if idea.role is not None:
            return self._role(rng, idea, idea.role)
        if "species" in says or ("build" in says and rng.random() < 0.75):
            return self.wording.noun(rng, who, "build" in says)
        if "build" in says and who["species"] == "human":
            return f"{rng.choice(BUILDS[who['build']][:2])} character", {"build": (who["build"],)}
        if "build" in says:
            return self.wording.noun(rng, who, True)
        return rng.choice(NOBODY), {}

    def _role(self, rng: random.Random, idea: Idea, role: Role) -> tuple[str, Named]:
        who, named = idea.who, Named()
        mark = who["build"][0]
        names = [n.split("@")[0] for n in role.names if n.partition("@")[2] in ("", mark)]
        open_names = [n for n in names if n in role.names]
        names = names if "build" in idea.says or not open_names else open_names
        name = names[0] if names and rng.random() < 0.5 else rng.choice(names or [role.name])
        words = [name]
        if "species" in idea.says:
            adjective = self.wording.adjective(rng, who["species"])
            if adjective[:3] not in name and who["species"] not in name:
                words.insert(0, adjective)
            named["species"] = (who["species"],)
        if name not in role.names or not names:
            named["build"] = (who["build"],)
        if "build" in idea.says and (name in role.names or not names):
            words.insert(0, rng.choice(BUILDS[who["build"]][:2]))
            named["build"] = (who["build"],)
        return " ".join(words), named

    # -- what it has and does -------------------------------------------------------------------

    def _body(self, rng: random.Random, who: Character, left: set[str], facts: Facts) -> None:
        if "skin" in left and who["skin"]:
            words, named = self.wording.skin(rng, who)
            facts.has.append(words)
            facts.named |= named
        if "eyes" in left and who.get("eyes") and self.wording.has_eyes(who["species"]):
            words, named = self.wording.eyes(who)
            facts.has.append(words)
            facts.named |= named

    def _together(self, rng: random.Random, who: Character, left: set[str], facts: Facts) -> None:
        """Tell top and bottom of one colour together: `in green clothes`, `a blue robe`."""
        items = who["items"]
        if not {"top", "bottom"} <= left & set(items) or not items["top"][1] or rng.random() < 0.4:
            return
        (top, color), (bottom, below) = items["top"], items["bottom"]
        own = self.library.items[top]["colors"][color]
        if own != self.library.items[bottom]["colors"].get(below) or "plate" in top or "mail" in top:
            return
        word, colors = self.wording.color(rng, "top", [top], top, color)
        form = "a {} robe" if (top, bottom) == ("long_shirt", "skirt") else rng.choice(
            ("{} clothes", "a {} outfit", "{} clothing", "all {} clothes")
        )  # fmt: skip
        facts.wears.append(fix_articles(form.format(word)))
        facts.named |= {"top_color": colors, "bottom_color": self.wording.color_keys("bottom", (bottom,), word)}
        left -= {"top", "bottom"}

    def _thing(self, rng: random.Random, slot: str, idea: Idea, facts: Facts) -> str:
        key, color = idea.who["items"][slot]
        says_color = (slot in idea.forced and idea.style != "short") or rng.random() < COLOR_SHARE
        if slot == "beard" and "hair" in idea.who["items"] and rng.random() < 0.6:
            says_color = False
        words, named = self.wording.thing(rng, slot, key, color, says_color)
        facts.named |= named
        return words

    def _lost(self, rng: random.Random, idea: Idea, facts: Facts) -> None:
        """Tell what was asked for in vain, and answer that it is not drawn in the action."""
        if idea.lost is None:
            return
        slot, (key, color) = idea.lost
        words, _ = self.wording.thing(rng, slot, key, color)
        (facts.holds if slot in HOLDS else facts.has if slot in CARRIED else facts.wears).append(words)
        thing = bare(self.wording.thing(rng, slot, key, None)[0])
        doing = self.library.animations[idea.who["action"]]["ing"]
        be = "are" if thing.endswith("s") and not thing.endswith(("ss", "dress")) else "is"
        found = idea.who["items"].get(slot)
        rest = "I left it out" if be == "is" else "I left them out"
        if found:
            rest = f"I drew {self.wording.own(slot, *found)} instead"
        facts.answer = rng.choice((
            f"{thing} {be} not drawn for {doing}, so {rest}.", f"I have no {thing} for {doing}, so {rest}.",
        ))  # fmt: skip
        facts.answer = facts.answer[0].upper() + facts.answer[1:]

    def _pose(self, rng: random.Random, idea: Idea, facts: Facts) -> None:
        """Tell action and direction, as far as they are told."""
        who, says, as_label = idea.who, idea.says, idea.style == "keywords"
        named: Named = {}
        if {"action", "direction"} <= says:
            facts.doing, named = self.wording.going(rng, who["action"], idea.direction, as_label=as_label)
        elif "action" in says:
            facts.doing, named = self.wording.doing(rng, who["action"], as_label=as_label)
        elif "direction" in says:
            facts.facing, named = self.wording.facing(rng, idea.direction, as_label=as_label)
        facts.named |= named
