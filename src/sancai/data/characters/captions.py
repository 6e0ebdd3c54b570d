"""Exact English about a character, long or short, in many wordings.

`caption` always tells the truth about what can be seen; `rng` varies the words, `mention` the length.
Without `rng` it gives one fixed wording.
"""

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sancai.data.characters.library import Character, Library

HAS = ("hair", "beard", "face", "ears", "wings", "tail")
WEARS = ("hat", "eyewear", "top", "bottom", "shoes", "gloves", "shoulders", "belt", "cape", "back")
HOLDS = ("weapon", "shield")
LEAST_PIXELS = 4

FACING = {
    "north": ("away from the viewer", "away", "up", "north"),
    "south": ("towards the viewer", "the viewer", "forward", "down", "south"),
    "west": ("to the left", "left", "west"),
    "east": ("to the right", "right", "east"),
}
GOING = {
    "north": ("away from the viewer", "away", "up", "north"),
    "south": ("towards the viewer", "forward", "down", "south"),
    "west": ("to the left", "left", "west"),
    "east": ("to the right", "right", "east"),
}
DOING = {
    "walk": ("walking",), "run": ("running",), "idle": ("standing", "idle", "standing still"),
    "jump": ("jumping",), "slash": ("swinging", "slashing"), "backslash": ("striking twice",),
    "halfslash": ("chopping",), "thrust": ("thrusting", "stabbing"),
    "spellcast": ("casting a spell", "casting"), "shoot": ("shooting",),
    "hurt": ("collapsing", "falling", "dying"), "climb": ("climbing",),
    "combat_idle": ("holding a fighting stance", "ready to fight"), "emote": ("cheering", "waving"),
    "sit": ("sitting on the ground", "sitting"),
}  # fmt: skip
MOVING = ("walk", "run")
ROLES = (
    ("hat", "wizard_hat", "wizard"), ("hat", "pirate_hat", "pirate"), ("hat", "viking_helmet", "viking"),
    ("hat", "legion_helmet", "legionary"), ("top", "plate_armor", "knight"), ("hat", "knight_helmet", "knight"),
    ("hat", "great_helm", "knight"), ("weapon", "bow", "archer"),
)  # fmt: skip
"""Words for a person who wears something telling: (slot, item, word)."""
SHORTER = (
    ("plate armor", "armor"), ("round shield", "shield"), ("heater shield", "shield"), ("wooden staff", "staff"),
    ("pirate hat with a skull", "pirate hat"), ("long-sleeved shirt", "shirt"), ("knight helmet", "helmet"),
    ("visored helmet", "helmet"), ("leather belt", "belt"), ("fur-trimmed coat", "coat"), ("feathered wings", "wings"),
    ("very long ", ""), ("short ", ""), ("long ", ""), ("messy ", ""), ("spiky ", ""), ("wavy ", ""),
    ("side-swept ", ""), ("wide ", ""),
)  # fmt: skip
"""What people leave out who name a thing in few words."""
CARRIED_ALONG = ("hat", "shoes", "gloves", "shoulders", "belt", "cape")
"""What a character is also said to be `with`: `a knight with a red cape`."""
SPELLINGS = {"armor": "armour", "armored": "armoured", "gray": "grey", "mustache": "moustache"}


@dataclass(frozen=True)
class _Wording:
    """Random choices of words; without a generator always the first."""

    rng: random.Random | None

    def pick(self, *options: str) -> str:
        return self.rng.choice(options) if self.rng else options[0]

    def chance(self, probability: float) -> bool:
        return self.rng is not None and self.rng.random() < probability

    def named(self, words: str) -> str:
        """Return the words for a thing, now and then in short: `a shield` for `a round shield`."""
        if not self.chance(0.15):
            return words
        for long, short in SHORTER:
            words = words.replace(long, short)
        return with_article(words)


def phrase(library: Library, slot: str, key: str, color: str | None) -> str:
    """Return the words for one item: `a green tunic`."""
    item = library.items[key]
    words = item["phrase"].format(c=item["colors"].get(color, "")) if item["colors"] else item["phrase"]
    return with_article(words.lower())


def with_article(words: str) -> str:
    """Turn `a orange cape` into `an orange cape`."""
    return "an" + words[1:] if words.startswith("a ") and words[2] in "aeiou" else words


def join(words: list[str]) -> str:
    """Return `a, b and c`."""
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def noun(library: Library, who: Character, rng: random.Random | None = None) -> str:
    """Return who this is: species and build, or now and then a telling role."""
    wording = _Wording(rng)
    roles = [word for slot, key, word in ROLES if who["items"].get(slot, [None])[0] == key]
    if who["species"] == "human" and roles and wording.chance(0.5):
        word = wording.pick(*roles)
        return with_article(f"a {word}" if who["build"] == "man" else f"a female {word}")
    return library.species[who["species"]]["phrase"][who["build"]]


def caption(
    library: Library,
    who: Character,
    direction: str,
    *,
    visible: Mapping[str, int] | None = None,
    video: bool = True,
    mention: Collection[str] | None = None,
    rng: random.Random | None = None,
) -> str:
    """Return one exact sentence about a character.

    Args:
        visible: pixels each slot shows; unseen slots are left out.
        video: say what it does over time rather than in one picture.
        mention: only these slots, and perhaps "skin"; None mentions all.
        rng: varies the wording.
    """
    wording = _Wording(rng)
    text = noun(library, who, rng)
    clauses = _clauses(library, who, visible, mention, wording)
    pause = " " if wording.chance(0.3) else ", "
    for number, clause in enumerate(clauses):
        text += (" " if number == 0 and not clause.startswith("holding") else pause) + clause
    text = f"{text}, {_ending(who['action'], direction, video, wording)}"
    if wording.chance(0.3):
        text = " ".join(SPELLINGS.get(w, w) for w in text.split(" "))
    return text


def _clauses(
    library: Library,
    who: Character,
    visible: Mapping[str, int] | None,
    mention: Collection[str] | None,
    wording: _Wording,
) -> list[str]:
    """Return `with …`, `wearing …` and `holding …`, where there is something to tell."""

    def say(slots: Collection[str]) -> list[str]:
        seen = [s for s in slots if s in who["items"] and (visible is None or visible.get(s, 0) >= LEAST_PIXELS)]
        return [wording.named(phrase(library, s, *who["items"][s])) for s in seen if mention is None or s in mention]

    along = [s for s in CARRIED_ALONG if wording.chance(0.5)] if wording.chance(0.25) else []
    spec = library.species[who["species"]]
    has = say((*HAS, *along))
    if who.get("skin") and (mention is None or "skin" in mention):
        has.insert(0, spec["skin_word"].format(c=spec["skins"][who["skin"]]))
    parts = [
        (wording.pick("with", "with", "with" if along else "having"), has),
        (wording.pick("wearing", "in", "dressed in"), say([s for s in WEARS if s not in along])),
        (wording.pick("holding", "with", "carrying"), say(HOLDS)),
    ]
    if wording.chance(0.25):
        parts[0], parts[1] = parts[1], parts[0]
    for _, things in parts:
        if wording.rng is not None and wording.chance(0.3):
            wording.rng.shuffle(things)
    return [f"{word} {join(things)}" for word, things in parts if things]


def _ending(action: str, direction: str, video: bool, wording: _Wording) -> str:
    """Return what the character does and where it looks."""
    doing = wording.pick(*DOING.get(action, (action,)))
    if action in MOVING and (video or wording.chance(0.5)):
        return f"{doing} {wording.pick(*GOING[direction])}"
    facing = f"facing {wording.pick(*FACING[direction])}"
    if (action == "idle" and wording.chance(0.5)) or (action == "walk" and not video and wording.chance(0.4)):
        return facing
    return f"{doing}, {facing}"


def random_mention(library: Library, rng: random.Random) -> set[str] | None:
    """Return which slots a prompt names: often all, often few."""
    if rng.random() < 0.55:
        return None
    share = rng.choice((0.25, 0.5, 0.75))
    return {s for s in (*library.slots, "skin") if rng.random() < share}
