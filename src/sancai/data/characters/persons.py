"""Who a character is beyond its look: name, pronouns, trade, origin; all drawn to fit the look."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from sancai.data.characters.library import Character
from sancai.data.characters.wording import Wording, bare, fix_articles

NAMES: dict[str, tuple[str, str, str]] = {
    # first parts, endings of men, endings of women
    "human": (
        "Al|Bran|Cor|Dar|Ed|Fen|Gar|Hal|Jon|Ken|Mar|Nor|Os|Rol|Tam|Wil|Ber|Lor",
        "ric|win|dan|bert|mund|den|ton|an|ek|ard",
        "a|ina|eth|wyn|elle|ia|ara|ena|is|ora",
    ),
    "elf": (
        "Ael|Cel|Elar|Fae|Gal|Il|Lae|Myr|Nael|Syl|Tha|Vael|Lir|Eri|Ara",
        "ion|rin|dor|las|thir|dil|nor|ril",
        "wen|riel|thea|nia|lia|siel|wyn|rae",
    ),
    "orc": (
        "Grok|Urz|Mog|Dur|Gash|Krug|Bol|Thok|Zug|Rag|Brak|Shag|Gor|Nar",
        "ash|nak|dush|gar|ul|mok|bag|tar",
        "a|ga|isha|una|ra|osha|ula|ka",
    ),
    "goblin": (
        "Snik|Griz|Nib|Zik|Pok|Skab|Fizz|Mik|Rikk|Tink|Gob|Jix",
        "it|le|zag|o|ik|nock|us",
        "a|ette|ie|xa|i|na",
    ),
    "beast": (
        "Pip|Thim|Bram|Clo|Hazel|Nut|Bur|Fern|Mos|Rus|Tuf|Hop|Dill|Barl",
        "ble|ton|kin|ley|ock|o|per",
        "a|ie|etta|ina|y|elle",
    ),
    "dark": (
        "Vla|Mor|Luc|Sel|Cas|Dra|Ser|Val|Mal|Nox|Ash|Rav|Cor",
        "dimir|ian|than|gor|us|ak|or|en",
        "ina|issa|eth|ana|yra|ora|ia|elle",
    ),
    "scaled": (
        "Ssar|Tek|Zar|Iss|Kra|Xil|Sseth|Vish|Ras|Kesh",
        "ek|ith|oth|ax|uss|ar|ik",
        "issa|ia|ara|esh|ixa|a",
    ),
    "strange": (
        "Zor|Qu|Xan|Ob|Vex|Plo|Ym|Ix|Nul|Tra",
        "ax|on|ib|ule|or|eel|ot",
        "a|ia|ixa|ora|une|ea",
    ),
}  # fmt: skip
FAMILIES = {
    "human": "human", "elder": "human", "elf": "elf", "orc": "orc", "goblin": "goblin", "troll": "orc",
    "vampire": "dark",
    "skeleton": "dark", "lizard": "scaled", "alien": "strange", "monster": "strange", "mouse": "beast",
    "rabbit": "beast",
    "pig": "beast", "sheep": "beast", "boar": "beast",
}  # fmt: skip
TRAITS = (
    "brave clever stubborn patient restless cheerful quiet proud honest curious grumpy loyal careful bold gentle "
    "fearless kind lonely merry thoughtful reckless shy generous cunning hardworking"
).split()
PLACES = (
    "a village by the river", "the old harbor", "the northern hills", "a mill town", "the green valley",
    "the salt islands",
    "a small fishing town", "a hut near the dark forest", "the capital", "a castle on the cliffs", "a mountain village",
    "the marshes", "a desert town", "a house by the silver lake", "the city of bells", "a lonely tower",
    "the vineyards",
    "a village on the frozen coast", "the border fort", "a town at the crossroads", "the copper mines", "a quiet farm",
)  # fmt: skip
TRADES = {
    "armed": "warrior|fighter|guard|wanderer",
    "magic": "mage|healer|wanderer",
    "": "villager|traveler|wanderer|neighbor",
}
"""What somebody does of whom no trade is told."""
ARMED = (
    "sword",
    "longsword",
    "katana",
    "scimitar",
    "rapier",
    "glow_sword",
    "mace",
    "dagger",
    "bow",
    "crossbow",
    "slingshot",
)
MAGIC = ("wooden_staff", "diamond_staff", "gnarled_staff", "crystal", "wand", "staff")
PRONOUNS = {"man": ("he", "him", "his"), "woman": ("she", "her", "her")}


@dataclass(frozen=True)
class Person:
    """A character with a name, and the words that stories and cards need."""

    who: Character
    name: str
    noun: str
    """What it is, without article: `orc blacksmith`."""
    trait: str
    place: str
    he: str
    him: str
    his: str
    garment: str | None
    """Something worn, without article: `red cape`."""
    held: str | None
    """What is in the hand, without article: `steel sword`."""

    @property
    def magical(self) -> bool:
        """Whether it holds a thing for magic."""
        return self.who["items"].get("weapon", [""])[0] in MAGIC

    @property
    def armed(self) -> bool:
        """Whether it holds a weapon."""
        return self.who["items"].get("weapon", [""])[0] in ARMED


def person(
    wording: Wording, who: Character, rng: random.Random, role: str | None = None, trait: str | None = None
) -> Person:
    """Return a person for a look; role and trait are drawn where they were not told."""
    he, him, his = PRONOUNS[who["build"]]
    if role is None:
        weapon = who["items"].get("weapon", [""])[0]
        role = rng.choice(TRADES["magic" if weapon in MAGIC else "armed" if weapon in ARMED else ""].split("|"))
    adjective = wording.adjective(rng, who["species"])
    noun = role if who["species"] == "human" or adjective[:3] in role else f"{adjective} {role}"
    items = who["items"]
    worn = [s for s in ("cape", "hat", "top", "shoes", "gloves", "bottom") if s in items]
    slot = rng.choice(worn) if worn else None
    return Person(
        who, name_of(who, rng), noun, trait or rng.choice(TRAITS), rng.choice(PLACES), he, him, his,
        _plain(wording, slot, items[slot]) if slot else None,
        _plain(wording, "weapon", items["weapon"]) if "weapon" in items else None,
    )  # fmt: skip


def name_of(who: Character, rng: random.Random) -> str:
    """Return a name that fits species and build."""
    starts, men, women = NAMES[FAMILIES.get(who["species"], "human")]
    ending = rng.choice((men if who["build"] == "man" else women).split("|"))
    return rng.choice(starts.split("|")) + ending


def _plain(wording: Wording, slot: str, item: Sequence[str]) -> str:
    """Return the pack's own words for an item, without article."""
    return bare(wording.own(slot, item[0], item[1]))


def fill(text: str, who: Person, rng: random.Random) -> str:
    """Return a sentence with its blanks filled for a person, beginning with a capital."""
    words = {
        "name": who.name, "noun": who.noun, "trait": who.trait, "place": who.place, "he": who.he, "him": who.him,
        "his": who.his,
        "garment": who.garment, "held": who.held, "He": who.he.capitalize(), "His": who.his.capitalize(),
    }  # fmt: skip
    filled = fix_articles(text.format(**words))
    return filled[:1].upper() + filled[1:]
