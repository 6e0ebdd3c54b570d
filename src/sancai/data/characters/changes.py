"""Changes of a look in words: edits of a picture, and actions to bring it to life.

    change = Changer(library).edit(rng, looks.seen(who, direction, frame))
    change.text, change.after                 # "make the cape blue and turn left", the look afterwards
    Changer(library).animate(rng, look)       # "run to the right", the look in that action

An edit starts from what can be seen, so what the picture hides (eyes from behind, hair under a helmet that is taken
off) is drawn anew.
"""

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from sancai.data.characters.library import Character, Library
from sancai.data.characters.look import Look, Looks
from sancai.data.characters.outfit import ON_BACK, STILL, Wardrobe
from sancai.data.characters.wording import Named, Wording, bare, fix_articles
from sancai.data.characters.words import ACTION_ORDERS, FACING_WORDS, GOING_WORDS
from sancai.data.spelling import as_typed

COUNTS = (0.72, 0.23, 0.05)
"""How often an instruction asks for one, two, three changes."""
MOST_TRIES = 200
REMOVABLE = ("hat", "cape", "wings", "shield", "weapon", "gloves", "shoes", "belt", "shoulders", "eyewear", "beard",
             "back", "tail", "ears", "face", "hair")  # fmt: skip
ADDED = {
    "weapon": 4, "hat": 3, "cape": 3, "top": 3, "bottom": 2, "shoes": 2, "hair": 2, "shield": 1.5, "beard": 1,
    "gloves": 1, "wings": 1, "eyewear": 0.7, "belt": 0.5, "shoulders": 0.5, "ears": 0.3, "tail": 0.3, "back": 0.3,
}  # fmt: skip
CALLED = {
    "hair": "hair", "hat": "hat|headgear", "top": "shirt|top|clothes on the upper body", "bottom": "pants|trousers",
    "shoes": "shoes", "gloves": "gloves", "cape": "cape|cloak", "wings": "wings", "shield": "shield", "beard": "beard",
    "weapon": "weapon", "belt": "belt", "shoulders": "shoulder pads", "eyewear": "glasses|eyewear", "tail": "tail",
    "ears": "ears", "back": "thing on the back", "face": "expression",
}  # fmt: skip
RECOLOR = ("make {the} {thing} {color}", "change {the} {thing} to {color}", "recolor {the} {thing} {color}",
           "color {the} {thing} {color}", "{the} {thing} should be {color}", "i want {the} {thing} in {color}",
           "turn {the} {thing} {color}", "{color} {thing}", "{color} {thing} instead", "paint {the} {thing} {color}",
           "dye {the} {thing} {color}", "use a {color} {thing}")  # fmt: skip
ADD = ("give {him} {it}", "add {it}", "give {him} {it}", "now with {it}", "{he} should have {it}", "put {it} on {him}",
       "add {it} please", "with {it}", "i want {him} to have {it}", "let {him} have {it}", "equip {it}")  # fmt: skip
SWAP = ("replace {the} {old} with {it}", "swap {the} {old} for {it}", "change {the} {old} to {it}",
        "{it} instead of {the} {old}", "exchange {the} {old} for {it}", "give {him} {it} instead",
        "turn {the} {old} into {it}")  # fmt: skip
REMOVE = ("take off {the} {old}", "remove {the} {old}", "no {old}", "without {the} {old}", "lose {the} {old}",
          "get rid of {the} {old}", "drop {the} {old}", "delete {the} {old}")  # fmt: skip
TURN = ("turn {way}", "face {way}", "make {him} face {way}", "turn {him} {way}", "look {way}", "rotate {him} {way}",
        "{he} should face {way}", "let {him} look {way}", "turn to face {way}")  # fmt: skip
WAYS = {"west": "left|to the left|west", "east": "right|to the right|east",
        "south": "forward|to the front|towards us|to the viewer",
        "north": "away|away from us|away from the viewer"}  # fmt: skip
ACT = ("make {him} {act}", "let {him} {act}", "{he} should {act}", "now {act}", "{act}", "have {him} {act}",
       "start {doing}",
       "{doing}", "now {doing}", "show {him} {doing}", "i want {him} {doing}", "make {him} start {doing}")  # fmt: skip
ANIMATE = ("{act}", "{doing}", "make {him} {act}", "let {him} {act}", "animate {him} {doing}", "{he} should {act}",
           "have {him} {act}",
           "bring {him} to life: {doing}", "show {him} {doing}", "make a clip of {him} {doing}", "animate it: {act}",
           "a {doing} animation", "{act} please", "now {act}", "can you make {him} {act}?",
           "i want to see {him} {act}")  # fmt: skip
BECOME = ("make {him} {it}", "turn {him} into {it}", "change {him} to {it}", "as {it}", "{he} should be {it}")
PRONOUNS = {"man": ("he", "him", "his"), "woman": ("she", "her", "her")}


@dataclass(frozen=True)
class Change:
    """An instruction, the looks before and after it, and what the instruction names."""

    before: Look
    text: str
    after: Look
    named: Named


@dataclass
class _Work:
    """A character while it is changed: what was touched already, and what was said."""

    who: Character
    direction: str
    touched: set[str] = field(default_factory=set)
    said: list[str] = field(default_factory=list)
    named: Named = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    """What stands for he, him and the."""


class Changer:
    """Changes for the looks of one library."""

    def __init__(self, library: Library) -> None:
        self.library, self.looks = library, Looks(library)
        self.wardrobe, self.wording = Wardrobe(library), Wording(library)
        self.kinds: dict[Callable[[random.Random, _Work], bool], float] = {
            self._turn: 2, self._act: 1.5, self._recolor: 3, self._put: 3.5, self._remove: 2, self._become: 0.4,
            self._eyes: 0.3,
        }  # fmt: skip

    def edit(self, rng: random.Random, before: Look, *, held_out: bool = False) -> Change | None:
        """Return a random instruction and its look on one side of the split; None where none is found."""
        for _ in range(MOST_TRIES):
            work = self._work(rng, before)
            for _ in range(rng.choices((1, 2, 3), COUNTS)[0]):
                rng.choices(list(self.kinds), list(self.kinds.values()))[0](rng, work)
            if work.said and self._settle(rng, work) and self.wardrobe.is_open(work.who, work.direction, held_out):
                return self._change(rng, before, work)
        return None

    def animate(self, rng: random.Random, before: Look, *, held_out: bool = False) -> Change | None:
        """Return words for an action and the look in it; what is not drawn in it is replaced or left out."""
        for _ in range(MOST_TRIES):
            work = self._work(rng, before)
            action = rng.choice(self.library.actions(work.who["species"], work.who["build"]))
            work.who = self.wardrobe.fit(work.who, action)
            self._complete(rng, work.who)
            self._say_action(rng, work, rng.choice(ANIMATE))
            sides = self.library.facings(action)
            if work.direction not in sides:
                work.direction = sides[0]
            elif action in ("walk", "run") and len(sides) > 1 and rng.random() < 0.25:
                work.direction = rng.choice(sides)
                work.said[0] = f"{work.said[0].rstrip('?')} {rng.choice(GOING_WORDS[work.direction].split('|'))}"
                work.named["direction"] = (work.direction,)
            if self.wardrobe.is_open(work.who, work.direction, held_out):
                return self._change(rng, before, work)
        return None

    def _work(self, rng: random.Random, before: Look) -> _Work:
        who, direction = self.looks.character(before)
        he, him, his = (
            PRONOUNS[who["build"]]
            if rng.random() < 0.7
            else rng.choice((("it", "it", "its"), ("they", "them", "their")))
        )
        the = his if rng.random() < 0.25 else "the"
        return _Work(copy.deepcopy(who), direction, words={"he": he, "him": him, "the": the})

    def _change(self, rng: random.Random, before: Look, work: _Work) -> Change:
        text = work.said[0]
        for more in work.said[1:]:
            text += rng.choice((" and ", ", ", " and ", ", and ")) + more
        text = as_typed(fix_articles(text), rng)
        return Change(before, text, self.looks.of(work.who, work.direction), work.named)

    def _say(self, work: _Work, form: str, **words: str) -> None:
        work.said.append(form.format(**work.words, **words))

    # -- kinds of changes -----------------------------------------------------------------------

    def _turn(self, rng: random.Random, work: _Work) -> bool:
        sides = [s for s in self.library.facings(work.who["action"]) if s != work.direction]
        if not sides or {"direction", "action"} & work.touched:
            return False
        opposite = {"north": "south", "south": "north", "west": "east", "east": "west"}[work.direction]
        side = rng.choice(sides)
        if side == opposite and rng.random() < 0.4:
            self._say(work, rng.choice(("turn around", "turn {him} around", "the other way", "flip {him} around")))
        elif rng.random() < 0.25:
            work.said.append(rng.choice([w for w in FACING_WORDS[side].split("|") if w.startswith(("facing", "seen"))]))
        else:
            self._say(work, rng.choice(TURN), way=rng.choice(WAYS[side].split("|")))
        work.direction = side
        work.touched.add("direction")
        work.named["direction"] = (side,)
        return True

    def _act(self, rng: random.Random, work: _Work) -> bool:
        actions = [
            a
            for a in self.wardrobe.actions(work.who)
            if a != work.who["action"] and work.direction in self.library.facings(a)
        ]
        if not actions or "action" in work.touched:
            return False
        work.who["action"] = rng.choice(actions)
        self._say_action(rng, work, rng.choice(ACT))
        return True

    def _say_action(self, rng: random.Random, work: _Work, form: str) -> None:
        action = work.who["action"]
        doing, named = self.wording.doing(rng, action)
        if not doing.split()[0].endswith("ing"):
            doing, named = self.library.animations[action]["ing"], {"action": (action,)}
        if " " in doing:
            form = form.replace("a {doing} animation", "make {him} {act}")
        act = rng.choice(ACTION_ORDERS.get(action, self.library.animations[action]["ing"]).split("|"))
        self._say(work, form, act=act, doing=doing)
        alike = tuple(a for a, orders in ACTION_ORDERS.items() if act in orders.split("|"))
        work.named |= named if "{doing}" in form else {"action": alike or (action,)}
        work.touched.add("action")

    def _recolor(self, rng: random.Random, work: _Work) -> bool:
        items = work.who["items"]
        slots = [
            s
            for s in items
            if items[s][1] and s not in work.touched and len(self.library.items[items[s][0]]["colors"]) > 1
        ]
        if not slots:
            return False
        slot = rng.choice(slots)
        key, old = items[slot]
        new = rng.choice([c for c in sorted(self.library.items[key]["colors"]) if c != old])
        word, colors = self.wording.color(rng, slot, (key,), key, new)
        form = rng.choice(
            [f for f in RECOLOR if ("dye" in f) <= (slot == "hair") and ("use a" in f) <= (slot in ("cape", "hat"))]
        )
        self._say(work, form, thing=self._called(rng, slot, key), color=word)
        items[slot][1] = new
        if slot in ("hair", "beard"):
            for both in {"hair", "beard"} & set(items):
                items[both][1] = new
        work.touched |= {slot, "beard", "hair"} if slot in ("hair", "beard") else {slot}
        work.named[slot + "_color"] = colors
        return True

    def _put(self, rng: random.Random, work: _Work) -> bool:
        """Add a thing, or put it in the place of another."""
        who, items = work.who, work.who["items"]
        slots = [s for s in ADDED if s in self.library.by_slot and s not in work.touched]
        if not slots:
            return False
        slot = rng.choices(slots, [ADDED[s] for s in slots])[0]
        made = self.wardrobe.force(rng, (who["species"], who["build"]), [slot], "walk").get(slot)
        old = items.get(slot)
        full = "top" in items and self.library.items[items["top"][0]].get("full")
        if slot == "bottom" and full:
            return False
        if made is None or (old and made[0] == old[0]) or (slot == "hair" and self._covers(who)):
            return False
        if self._displaced(who, slot, made[0]) & work.touched:
            return False
        if slot == "beard" and "hair" in items:
            made[1] = items["hair"][1]
        words, named = self.wording.thing(rng, slot, made[0], made[1], rng.random() < 0.8 and slot != "beard")
        if old:
            self._say(work, rng.choice(SWAP), old=self._called(rng, slot, old[0]), it=words)
        else:
            self._say(work, rng.choice(ADD), it=words)
        items[slot] = made
        work.touched.add(slot)
        work.named |= named
        self._make_room(rng, who, slot)
        return True

    def _covers(self, who: Character) -> bool:
        hat = who["items"].get("hat")
        return bool(hat) and self.library.items[hat[0]].get("hair") == "cover"

    def _displaced(self, who: Character, slot: str, key: str) -> set[str]:
        """Return the slots that a new item would empty or change."""
        items, item = who["items"], self.library.items[key]
        gone: set[str] = set(ON_BACK) - {slot} if slot in ON_BACK else set()
        if slot == "hat":
            gone |= {"ears"} | ({"hair"} if item.get("hair") else set())
            gone |= {"beard", "face", "eyewear"} if item.get("hides_face") else set()
        if slot == "hair" and "hat" in items and self.library.items[items["hat"][0]].get("hair"):
            gone |= {"hat"} if key not in self.library.info["flat_hair"] else set()
        if slot == "ears":
            gone.add("hat")
        if slot == "top" and item.get("full"):
            gone.add("bottom")
        return gone

    def _make_room(self, rng: random.Random, who: Character, slot: str) -> None:
        """Take away what does not go with a new item; a flat hat flattens the hair."""
        items = who["items"]
        key = items[slot][0]
        gone = self._displaced(who, slot, key)
        if slot == "hat" and self.library.items[key].get("hair") == "flat" and "hair" in items:
            flat = sorted(set(self.library.info["flat_hair"]) & set(self.wardrobe.drawn("hair", who["build"], "walk")))
            items["hair"][0] = items["hair"][0] if items["hair"][0] in flat else rng.choice(flat)
            gone.discard("hair")
        for name in gone:
            items.pop(name, None)

    def _remove(self, rng: random.Random, work: _Work) -> bool:
        who, items = work.who, work.who["items"]
        slots = [s for s in REMOVABLE if s in items and s not in work.touched]
        slots += (
            ["top"]
            if "top" in items and who["build"] == "man" and "bottom" in items and "top" not in work.touched
            else []
        )
        if not slots:
            return False
        slot = rng.choice(slots)
        self._say(work, rng.choice(REMOVE), old=self._called(rng, slot, items[slot][0]))
        covered = slot == "hat" and self._covers(who)
        del items[slot]
        if covered and self.library.species[who["species"]].get("hair") and "hair" not in work.touched:
            items |= self.wardrobe.force(rng, (who["species"], who["build"]), ["hair"], who["action"])
        work.touched |= {slot, "hair"} if slot == "hat" else {slot}
        work.named[slot] = (None,)
        return True

    def _called(self, rng: random.Random, slot: str, key: str) -> str:
        """Return a noun for something worn: `cape`, now and then `tattered cape`."""
        if rng.random() < 0.5 and slot != "top":
            return (
                rng.choice(CALLED.get(slot, slot).split("|"))
                if slot
                not in ("hat", "weapon", "shoes", "bottom", "eyewear", "belt", "shoulders", "back", "ears", "face")
                else self._name(rng, slot, key)
            )
        return self._name(rng, slot, key)

    def _name(self, rng: random.Random, slot: str, key: str) -> str:
        return bare(self.wording.thing(rng, slot, key, None)[0])

    def _become(self, rng: random.Random, work: _Work) -> bool:
        """Make someone of another species of the same build."""
        who = work.who
        others = [
            s
            for s, spec in self.library.species.items()
            if s != who["species"] and who["action"] in spec["anims"].get(who["build"], ())
        ]
        if not others or work.touched:
            return False
        species = rng.choice(others)
        made = self.wardrobe.dress(self.wardrobe.anyone, rng, (species, who["build"]))
        spec = self.library.species[species]
        for slot, fits in (("hair", spec.get("hair")), ("beard", spec.get("beard")), ("face", spec.get("face"))):
            if not fits:
                who["items"].pop(slot, None)
        who |= {"species": species, "skin": made["skin"]}
        noun, named = self.wording.noun(rng, who, False)
        self._say(work, rng.choice(BECOME), it=f"a {noun}")
        work.named |= named
        work.touched |= {"species", "direction", "action", *self.library.slots}
        return True

    def _eyes(self, rng: random.Random, work: _Work) -> bool:
        who = work.who
        if not self.looks.has_eyes(who["species"]) or work.direction == "north" or {"eyes", "direction"} & work.touched:
            return False
        who["eyes"] = rng.choice([e for e in self.looks.eyes if e != who["eyes"]])
        words, named = self.wording.eyes(who)
        self._say(work, rng.choice(("give {him} {it}", "make {the} eyes {color}", "{he} should have {it}", "{it}")),
                  it=words, color=words.split()[0])  # fmt: skip
        work.touched |= {"eyes", "direction"}
        work.named |= named
        return True

    # -- afterwards -----------------------------------------------------------------------------

    def _settle(self, rng: random.Random, work: _Work) -> bool:
        """Choose what is left open; return whether the art can draw it all."""
        who = work.who
        actions = self.wardrobe.actions(who)
        if who["action"] not in actions:
            if who["action"] not in STILL or "action" in work.touched or not set(STILL) & set(actions):
                return False
            who["action"] = next(a for a in STILL if a in actions)
        self._complete(rng, who)
        return work.direction in self.library.facings(who["action"])

    def _complete(self, rng: random.Random, who: Character) -> None:
        """Give skin and eyes to someone whose picture does not show them."""
        skins = sorted(self.library.species[who["species"]]["skins"])
        if skins and who.get("skin") not in skins:
            who["skin"] = rng.choice(skins)
        if not who.get("eyes"):
            who["eyes"] = self.wardrobe.eyes(who["species"], rng)
