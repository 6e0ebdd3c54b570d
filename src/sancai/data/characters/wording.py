"""Noun phrases for what a character is and wears, with what each of them names.

    words, named = Wording(library).thing(rng, "weapon", "longsword", None)
    # "a sword", {"weapon": ("longsword", "scimitar", "sword", …)}

`named` maps an attribute of `split.attributes` (or "eyes") to the values that the words allow; None stands for nothing.
"""

import random
import re
from collections.abc import Iterable, Mapping, Sequence

from sancai.data.characters.captions import phrase, with_article
from sancai.data.characters.library import Character, Library
from sancai.data.characters.look import Looks
from sancai.data.characters.words import (
    ABSENT_WORDS,
    ACTION_WORDS,
    CLOTH_COLORS,
    FACING_WORDS,
    FAMILY_WORDS,
    GOING_WORDS,
    HAIR_COLORS,
    ITEM_WORDS,
    SKIN_COLORS,
    SPECIES_WORDS,
)

Named = dict[str, tuple[str | None, ...]]
MOVING = ("walk", "run")
VERBAL = ("idle", "ready", "seated", "mid-jump", "battle-ready")
LABELS = ("attack", "cycle", "slash", "pose", "strikes")
"""What `he is` cannot stand before."""
VIEW = re.compile(r"\bview\b(?<!the view)")
OWN_SHARE = 0.4
"""How often a thing or colour is called by the pack's own word."""
FAMILY_SHARE = {"hair": 0.2, "shoes": 0.04, "wings": 0.2, "": 0.1}
"""How often a thing is called by the word of its whole family."""
BUILDS = {"man": ("male", "male", "man"), "woman": ("female", "female", "woman", "lady", "girl")}


def holds(named: Named, flat: Mapping[str, str | None]) -> dict[str, bool]:
    """Return for each named attribute whether a table of attributes has one of its values."""
    return {attribute: flat.get(attribute) in values for attribute, values in named.items()}


class Wording:
    """The words for one library's characters."""

    def __init__(self, library: Library) -> None:
        self.library, self.looks = library, Looks(library)
        self._hairy = {key for key, item in library.items.items() if "blonde" in item["colors"].values()}
        self.templates = {key: self._templates(key) for key in library.items}
        self.meant: dict[tuple[str, str], tuple[str, ...]] = {}
        self.families = {key: self._families(key) for key in library.items}
        for key, templates in self.templates.items():
            for template in (*templates, *self.families[key]):
                place = (library.items[key]["slot"], template)
                self.meant[place] = tuple(dict.fromkeys((*self.meant.get(place, ()), key)))
        self._colors: dict[tuple[str, tuple[str, ...], str], tuple[str, ...]] = {}
        self.actions = _meanings(ACTION_WORDS, library.animations)

    def _templates(self, key: str) -> list[str]:
        """Return the wordings of an item, the pack's own first."""
        item = self.library.items[key]
        own = item["phrase"] if item["colors"] else item["phrase"].replace("{c} ", "")
        return [own.lower(), *(t for t in ITEM_WORDS.get(key, "").split("|") if t)]

    def _families(self, key: str) -> list[str]:
        """Return the wordings that an item shares with a family of others."""
        slot = self.library.items[key]["slot"]
        return [t for (s, t), keys in FAMILY_WORDS.items() if s == slot and (keys == "*" or key in keys.split())]

    # -- things ---------------------------------------------------------------------------------

    def thing(
        self, rng: random.Random, slot: str, key: str, color: str | None, says_color: bool = True
    ) -> tuple[str, Named]:
        """Return a noun phrase for an item, in its colour or without, and what it names."""
        templates = self.templates[key]
        template = templates[0] if rng.random() < OWN_SHARE else rng.choice(templates)
        if self.families[key] and rng.random() < FAMILY_SHARE.get(slot, FAMILY_SHARE[""]):
            template = rng.choice(self.families[key])
        keys = self.meant[slot, template]
        named: Named = {slot: keys}
        word = ""
        if color is not None and "{c}" in template and says_color:
            word, named[slot + "_color"] = self.color(rng, slot, keys, key, color)
        text = template.format(c=word)
        return with_article(fix_articles(text)), named

    def color(
        self, rng: random.Random, slot: str, keys: Sequence[str], key: str, color: str
    ) -> tuple[str, tuple[str, ...]]:
        """Return a word for an item's colour and the colours that it may mean for any of the items."""
        own = self.library.items[key]["colors"][color]
        table = self.table(key)
        words = table.get(own, own).split("|")
        word = words[0] if rng.random() < OWN_SHARE else rng.choice(words)
        return word, self.color_keys(slot, tuple(keys), word)

    def color_keys(self, slot: str, keys: tuple[str, ...], word: str) -> tuple[str, ...]:
        """Return the colours that a word may mean for any of some items."""
        place = (slot, keys, word)
        if place not in self._colors:
            known = ((k, c, w) for k in keys for c, w in self.library.items[k]["colors"].items())
            self._colors[place] = tuple(
                sorted({c for k, c, w in known if word in (w, *self.table(k).get(w, "").split("|"))})
            )
        return self._colors[place]

    def own(self, slot: str, key: str, color: str | None) -> str:
        """Return the pack's own words for an item, with their article."""
        return fix_articles(phrase(self.library, slot, key, color))

    def table(self, key: str) -> Mapping[str, str]:
        """Return the words for the colours of an item: those of hair, or those of cloth and metal."""
        return HAIR_COLORS if key in self._hairy else CLOTH_COLORS

    def absent(self, rng: random.Random, slot: str) -> tuple[str, Named]:
        """Return words for having nothing in a slot."""
        return rng.choice(ABSENT_WORDS[slot].split("|")), {slot: (None,)}

    # -- who ------------------------------------------------------------------------------------

    def noun(self, rng: random.Random, who: Character, says_build: bool) -> tuple[str, Named]:
        """Return a noun without article for species and, if asked, build."""
        species, build = who["species"], who["build"]
        both = " ".join(self.library.species[species]["phrase"][build].split()[1:])
        words = SPECIES_WORDS.get(species, ("", both, both, ""))
        text = words[("man", "woman").index(build) + 1] if says_build or not words[0] else words[0]
        named: Named = {"species": (species,)}
        noun = rng.choice(text.split("|"))
        if says_build and noun not in words[0].split("|"):
            named["build"] = (build,)
        return noun, named

    def adjective(self, rng: random.Random, species: str) -> str:
        """Return what stands before a role: `elven`."""
        return rng.choice(SPECIES_WORDS.get(species, ("", "", "", species))[3].split("|"))

    def skin(self, rng: random.Random, who: Character) -> tuple[str, Named]:
        """Return words for the skin: `fair skin`, `green scales`."""
        spec = self.library.species[who["species"]]
        word = self._skin_word(rng, spec["skins"][who["skin"]])
        skins = tuple(k for k, w in spec["skins"].items() if word in (w, *SKIN_COLORS.get(w, "").split("|")))
        return spec["skin_word"].format(c=word), {"skin": skins}

    def _skin_word(self, rng: random.Random, own: str) -> str:
        return own if rng.random() < OWN_SHARE else rng.choice(SKIN_COLORS.get(own, own).split("|"))

    def has_eyes(self, species: str) -> bool:
        """Return whether a species has eyes of several colours."""
        return self.looks.has_eyes(species)

    def eyes(self, who: Character) -> tuple[str, Named]:
        """Return words for the eyes."""
        return f"{self.library.info['eye_words'][who['eyes']]} eyes", {"eyes": (who["eyes"],)}

    # -- what and where -------------------------------------------------------------------------

    def doing(self, rng: random.Random, action: str, *, as_label: bool = False) -> tuple[str, Named]:
        """Return words for an action that fit after `is`: `swinging a weapon`; as a label also `slash attack`."""
        own = self.library.animations[action]["ing"]
        words = [w for w in ACTION_WORDS.get(action, own).split("|") if as_label or w.startswith("in ") or "ing" in w
                 or w.split()[0] in VERBAL]  # fmt: skip
        word = own if rng.random() < 0.3 else rng.choice([w for w in words if as_label or not w.endswith(LABELS)])
        return word, {"action": self.actions.get(word, (action,))}

    def facing(self, rng: random.Random, direction: str, *, as_label: bool = False) -> tuple[str, Named]:
        """Return words for a direction that fit after `is`: `seen from behind`; as a label also `back view`."""
        words = [w for w in FACING_WORDS[direction].split("|") if as_label or not VIEW.search(w)]
        return rng.choice(words), {"direction": (direction,)}

    def going(self, rng: random.Random, action: str, direction: str, *, as_label: bool = False) -> tuple[str, Named]:
        """Return words for an action with its direction: `walking to the left`."""
        doing, named = self.doing(rng, action, as_label=as_label)
        if action in MOVING and doing.endswith("ing") and rng.random() < 0.6:
            return f"{doing} {rng.choice(GOING_WORDS[direction].split('|'))}", {**named, "direction": (direction,)}
        facing, more = self.facing(rng, direction, as_label=as_label)
        parts = [doing, facing] if rng.random() < 0.75 else [facing, doing]
        return rng.choice((", ", " ", " and " if facing.startswith(("facing", "looking")) else ", ")).join(parts), {
            **named,
            **more,
        }


def fix_articles(text: str) -> str:
    """Return a text with single blanks and the right `a` or `an` everywhere."""
    return re.sub(
        r"\b([Aa])n? (?=(uni|use|ufo|one\b|[aeiou])?)",
        lambda m: m[1] + ("n " if m[2] and len(m[2]) == 1 else " "),
        " ".join(text.split()),
        flags=re.IGNORECASE,
    )


def bare(words: str) -> str:
    """Return a noun phrase without its article."""
    return re.sub(r"^(?:a|an|the) ", "", words)


def _meanings(words: Mapping[str, str], known: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return which keys each wording may stand for."""
    found: dict[str, tuple[str, ...]] = {}
    for key in known:
        for word in words.get(key, "").split("|"):
            found[word] = tuple(dict.fromkeys((*found.get(word, ()), key)))
    return found
