"""Phrases put together as people write prompts: a few words, lists of words, sentences."""

import random
from collections.abc import Sequence

from sancai.data.characters.captions import join
from sancai.data.characters.facts import Facts
from sancai.data.characters.wording import bare, fix_articles

ORDERS = (
    "draw {}", "draw me {}", "make {}", "make me {}", "create {}", "generate {}", "i want {}", "i need {}",
    "can you draw {}?", "could you make {}?", "please draw {}", "show me {}", "give me {}", "design {}",
    "paint {}", "i'd like {}", "{} please", "{}, please", "please make me {}", "can i get {}?",
    "i would like to see {}",
    "can you create {} for me?", "how about {}?", "let's see {}", "i'm looking for {}", "a sprite of {}",
    "pixel art of {}", "a picture of {}", "sprite: {}", "a pixel art sprite of {}", "game sprite of {}",
    "i need a sprite of {} for my game", "a drawing of {}", "an image of {}", "pixel art sprite of {}",
)  # fmt: skip
TAGS = (
    "pixel art",
    "sprite",
    "rpg",
    "game sprite",
    "16-bit",
    "fantasy",
    "game character",
    "rpg character",
    "retro style",
)
VERBS = {"he": ("wears", "has", "holds", "is"), "she": ("wears", "has", "holds", "is"),
         "they": ("wear", "have", "hold", "are")}  # fmt: skip
ORDER_SHARE = {"short": 0.3, "keywords": 0.0, "sentence": 0.35, "full": 0.3}


def write(rng: random.Random, facts: Facts, style: str) -> str:
    """Return a prompt in one style, in lower case."""
    if style == "keywords":
        return _keywords(rng, facts)
    if style == "short" and rng.random() < 0.75:
        text = short(rng, facts)
    elif rng.random() < 0.3 and len(facts.things()) > 2:
        return _several(rng, facts)
    else:
        text = _one(rng, facts)
    if rng.random() < ORDER_SHARE[style]:
        form = rng.choice(ORDERS)
        text = text if text.startswith(("a ", "an ", "someone")) else fix_articles(f"a {text}")
        return form.format(text)
    return text


def _noun(rng: random.Random, facts: Facts, article: float) -> str:
    """Return who it is, mostly with its article."""
    if facts.noun == "someone" or rng.random() >= article:
        return facts.noun
    return fix_articles(f"a {facts.noun}")


def short(rng: random.Random, facts: Facts) -> str:
    """Return a few words: `orc warrior with a mace`."""
    has_article = rng.random() < 0.6
    text = _noun(rng, facts, float(has_article))
    things = facts.has + facts.holds
    rng.shuffle(things)
    words = [t if has_article or rng.random() < 0.3 else bare(t) for t in things]
    if words:
        text += f" with {_joined(rng, words)}"
    if facts.wears:
        wears = [t if has_article else bare(t) for t in facts.wears]
        verb = "wearing" if words else rng.choice(("with", "in", "wearing", "in"))
        text += f" {verb} {_joined(rng, wears)}"
    return _ended(rng, text, facts, rng.choice((" ", ", ") if not facts.wears else (", ", ", ", " ")))


def _ended(rng: random.Random, text: str, facts: Facts, pause: str) -> str:
    """Add what is lacking, done and faced."""
    for phrase in (*facts.lacks, facts.doing, facts.facing):
        if phrase:
            text += (
                " " if phrase.startswith(("without", "with ")) else ", " if phrase in facts.lacks else pause
            ) + phrase
    return text


def _joined(rng: random.Random, things: Sequence[str]) -> str:
    return join(list(things)) if rng.random() < 0.85 else " and ".join(things)


def _keywords(rng: random.Random, facts: Facts) -> str:
    """Return a list of words: `male elf, long red hair, green tunic, bow`."""
    words = [bare(t) for t in facts.things()] + [p for p in (facts.doing, facts.facing) if p]
    if rng.random() < 0.6:
        rng.shuffle(words)
    at = 0 if rng.random() < 0.85 else rng.randrange(len(words) + 1)
    words.insert(at, facts.noun)
    if rng.random() < 0.2:
        words.insert(rng.choice((0, len(words))), rng.choice(TAGS))
    pause = rng.choices((", ", ",", " ", "; ", " / ", " + "), (80, 5, 6, 3, 2, 2))[0]
    return pause.join(words)


def _one(rng: random.Random, facts: Facts) -> str:
    """Return one sentence or its subject."""
    article = 0.93 if rng.random() < 0.9 else 0.0
    text = _noun(rng, facts, article)
    parts = [
        (rng.choice(("with", "with", "with", "who has")), facts.has),
        (rng.choice(("wearing", "wearing", "in", "dressed in", "who wears", "clad in")), facts.wears),
        (
            rng.choice(
                ("holding", "with", "carrying", "armed with")
                if len(facts.holds) == 1
                else ("holding", "with", "carrying")
            ),
            facts.holds,
        ),
    ]
    if rng.random() < 0.25:
        parts[0], parts[1] = parts[1], parts[0]
    pause = rng.choice((" ", ", "))
    count = 0
    for verb, things in parts:
        if things:
            rng.shuffle(things)
            between = " " if count == 0 else " and " if count == 1 and rng.random() < 0.2 else pause
            text += f"{between}{verb} {_joined(rng, things)}"
            count += 1
    return _ended(rng, text, facts, rng.choice((", ", ", ", ", ", " ")))


def _several(rng: random.Random, facts: Facts) -> str:
    """Return several sentences: `a knight. he has …, he wears …`."""
    he = facts.pronoun
    wear, has, hold, be = VERBS[he]
    opening = rng.choice(("{}.", "{}.", "draw {}.", "i want {}.", "make me {}.", "this is {}.", "{}:", "create {},"))
    sentences = [opening.format(_noun(rng, facts, 0.97))]
    rest = [(has, facts.has), (wear, facts.wears), (hold, facts.holds)]
    if rng.random() < 0.2:
        rest = [
            (f"should {v}", things) for v, things in zip(("have", "wear", "hold"), (t for _, t in rest), strict=True)
        ]
    if rng.random() < 0.3:
        rest.reverse()
    sentences += [f"{he} {verb} {_joined(rng, things)}." for verb, things in rest if things]
    sentences += [f"{he} {be} {phrase}." if phrase not in ("",) else "" for phrase in _states(facts)]
    text = " ".join(sentences)
    return ". ".join(s[:1].upper() + s[1:] for s in text.split(". ")) if rng.random() < 0.6 else text


def _states(facts: Facts) -> list[str]:
    """Return what follows `he is`."""
    found = [phrase for phrase in (*facts.lacks, facts.doing, facts.facing) if phrase]
    return [f"shown with {p}" if p.startswith("no ") else p for p in found]
