"""Requests that the art cannot meet: one honest line, and the nearest thing that can be drawn.

    prompt = Limits(prompter).draw(rng)
    prompt.text, prompt.answer, prompt.look   # "three knights", "I draw one character at a time, so here is …", a look

Where nothing comes near (a car, a map, somebody famous) there is no look, and the answer asks what to draw instead.
"""

import random
from collections.abc import Callable

from sancai.data.characters.facts import Facts
from sancai.data.characters.ideas import Idea
from sancai.data.characters.look import Look
from sancai.data.characters.prompts import Prompt, Prompter
from sancai.data.characters.sentences import short
from sancai.data.characters.wording import Named, bare, fix_articles
from sancai.data.spelling import as_typed

SCENES = (
    "in a forest", "in front of a castle", "in a tavern", "at sunset", "on a beach", "in a dark cave", "in a dungeon",
    "on a mountain", "in the snow", "in a city", "with a castle in the background", "in a battle", "at night",
    "under the moon", "in a field of flowers", "on a ship", "in space", "in the desert", "on a throne", "in a library",
    "by the river", "in a kitchen", "with a forest background", "on a bridge", "in the rain", "by a campfire",
    "in a village", "on a cliff", "in a garden", "at the market", "inside a church", "in the jungle", "under water",
    "in a swamp", "on the moon", "in a spaceship", "in his house", "next to a tree", "behind a counter",
)  # fmt: skip
MOUNTS = ("riding a horse", "on a horse", "riding a dragon", "on horseback", "riding a wolf", "on a motorcycle",
          "fighting a dragon", "with a pet wolf", "with a dog", "petting a cat", "with a dragon", "killing a monster",
          "next to a horse", "with a parrot on the shoulder", "driving a car", "hunting a deer")  # fmt: skip
SIZES = ("{}x{} pixels", "{}x{}", "{} by {} pixels")
SIZE_WORDS = ("huge", "giant", "tiny", "enormous", "very small", "gigantic", "miniature", "4k", "high resolution", "hd",
              "very big", "chibi", "life-sized")  # fmt: skip
MEDIA = ("a photo of {}", "a photorealistic {}", "a photograph of {}", "a realistic {}", "a 3d model of {}",
         "an oil painting of {}", "{} in anime style", "a watercolor of {}", "a pencil sketch of {}",
         "a 3d render of {}",
         "{} as a cartoon", "a vector image of {}", "a realistic portrait of {}", "{} like in a movie",
         "concept art of {}", "{}, unreal engine, 8k", "an svg of {}", "a comic about {}",
         "a tattoo of {}")  # fmt: skip
CHILDREN = ("child", "kid", "little boy", "little girl", "baby", "toddler", "small child", "young child", "schoolchild",
            "teenager", "infant", "newborn", "orphan child", "ten year old boy", "five year old girl")  # fmt: skip
NAKED = ("naked woman", "nude man", "naked elf", "woman without clothes", "nude woman", "topless woman",
         "naked man", "nude elf", "undressed person")  # fmt: skip
NEAREST = (
    ("human", "a bearded man", "dwarf|dwarven warrior|dwarf king"), ("human", "a human", "halfling|hobbit|centaur"),
    ("goblin", "a goblin", "gnome|imp|gremlin|hobgoblin|leprechaun"), ("troll", "a troll", "ogre|giant|cyclops|titan"),
    ("lizard", "a lizard person", "kobold|dragonborn|naga|dragon|dinosaur|crocodile man|lizard|snake|turtle man"),
    ("skeleton", "a skeleton", "ghost|wraith|spectre|ghoul|banshee"), ("elf", "an elf", "mermaid|dryad|nymph|dark elf"),
    ("monster", "a bolt-necked monster", "mummy|golem|cyborg|robot|android|mutant"),
    ("boar", "a boar person", "minotaur|beastman|boar|rhino man"), ("mouse", "a mouse person",
                                                                    "rat|mouse|hamster|squirrel"),
    ("rabbit", "a rabbit person", "rabbit|bunny|hare"), ("pig", "a pig person", "pig|piglet"),
    ("sheep", "a sheep person", "sheep|lamb|goat"), ("alien", "an alien", "martian|ufo|octopus|predator"),
)  # fmt: skip
"""Species that is drawn, what it is called, and what it stands in for."""
KINDS = {asked: (species, called) for species, called, words in NEAREST for asked in words.split("|")}
THINGS = (
    "car", "house", "castle", "landscape", "mountain", "tree", "forest", "sword", "shield", "logo", "company logo",
    "map",
    "world map", "spaceship", "horse", "dog", "wolf", "bear", "bird", "eagle", "fish", "spider", "cow", "chicken",
    "lion",
    "tiger", "elephant", "treasure chest", "potion", "icon", "background", "tileset", "dungeon", "city", "bridge",
    "boat", "ship", "train", "plane", "truck", "tank", "flower", "sunset", "pizza", "burger", "cake", "apple", "table",
    "chair", "lamp", "door", "coin", "gem", "crown", "banner", "flag", "user interface", "health bar", "button", "font",
    "poster", "book cover", "banana", "computer", "phone", "planet", "galaxy", "river", "island", "beach", "volcano",
    "penguin", "shark", "whale", "frog", "bee", "butterfly", "unicorn", "cat", "kitten", "puppy", "fox", "monkey",
    "snowman",
    "skull", "heart", "star", "emoji", "chessboard", "guitar", "piano", "bicycle", "motorcycle", "airplane",
    "helicopter",
    "church", "tower", "windmill", "farm", "garden", "waterfall", "cloud", "storm", "explosion", "fireball", "rocket",
    "diagram", "chart", "graph", "meme", "comic strip", "wallpaper", "website", "qr code", "floor plan", "recipe",
)  # fmt: skip
FAMOUS = (
    "mario", "sonic", "pikachu", "batman", "superman", "spiderman", "harry potter", "gandalf", "darth vader",
    "link from zelda",
    "elon musk", "taylor swift", "napoleon", "albert einstein", "the president", "mickey mouse", "naruto", "goku",
    "elsa",
    "shrek", "lara croft", "geralt", "luigi", "hello kitty", "donald duck", "the joker", "iron man", "kratos",
    "my friend tom",
    "my girlfriend", "my dog rex", "my boss", "myself", "my cat", "my brother", "barack obama", "cleopatra",
    "shakespeare",
)  # fmt: skip
GROUPS = ("a group of {}", "an army of {}", "a party of {}", "a crowd of {}", "a family of {}", "a bunch of {}",
          "several {}",
          "many {}", "some {}", "a pair of {}", "a team of {}")  # fmt: skip
NUMBERS = ("two", "three", "four", "five", "six", "ten", "2", "3", "5", "10", "a dozen", "twenty", "a hundred")
PAIRS = ("{} and {}", "{} fighting {}", "{} with {}", "{} next to {}", "{} dancing with {}", "{} kissing {}",
         "{} talking to {}", "{} versus {}", "{} hugging {}", "{} and {} together", "{} carrying {}")  # fmt: skip
IRREGULAR = {"man": "men", "woman": "women", "elf": "elves", "thief": "thieves", "person": "people", "mouse": "mice",
             "lady": "ladies", "child": "children", "wolf": "wolves", "dwarf": "dwarves", "fae": "fae"}  # fmt: skip
OPENINGS = (
    "",
    "",
    "",
    "draw ",
    "make ",
    "can you draw ",
    "i want ",
    "please draw ",
    "create ",
    "draw me ",
    "show me ",
    "generate ",
)


class Limits:
    """Requests beyond the art of one library."""

    def __init__(self, prompter: Prompter) -> None:
        self.prompter = prompter
        self.kinds: dict[str, Callable[[random.Random, bool], Prompt]] = {
            "count": self._count, "scene": self._scene, "company": self._company, "pair": self._pair,
            "size": self._size,
            "medium": self._medium, "child": self._child, "species": self._species, "thing": self._thing,
            "famous": self._famous, "naked": self._naked,
        }  # fmt: skip

    def draw(self, rng: random.Random, *, held_out: bool = False, kind: str | None = None) -> Prompt:
        """Return a random request beyond the art; its look, where there is one, is on one side of the split."""
        return self.kinds[kind or rng.choice(list(self.kinds))](rng, held_out)

    # -- with the nearest look ------------------------------------------------------------------

    def _base(self, rng: random.Random, held_out: bool, *, plain: bool = False) -> tuple[Facts, Idea]:
        """Return an idea and its phrases; a plain one says only who it is."""
        while True:
            idea = self.prompter.ideas.draw(rng, "short", held_out=held_out)
            if plain and (idea.forced or idea.bare or "action" in idea.says):
                continue
            if plain:
                idea.says &= {"species", "build"}
            facts = self.prompter.teller.tell(rng, idea)
            if not facts.answer and facts.noun != "someone":
                return facts, idea

    def _made(self, rng: random.Random, text: str, kind: str, answer: str, found: tuple[Facts, Idea]) -> Prompt:
        facts, idea = found
        look = self.prompter.looks.of(idea.who, idea.direction)
        return self._prompt(rng, text, kind, answer, look, facts.named)

    def _prompt(
        self,
        rng: random.Random,
        text: str,
        kind: str,
        answer: str,
        look: Look | None = None,
        named: Named | None = None,
    ) -> Prompt:
        typed = as_typed(fix_articles(rng.choice(OPENINGS) + text), rng)
        return Prompt(typed, look, kind, named or {}, None, fix_articles(answer))

    def _count(self, rng: random.Random, held_out: bool) -> Prompt:
        while True:
            facts, idea = self._base(rng, held_out, plain=True)
            if " in " not in facts.noun and " of " not in facts.noun:
                break
        noun = plural(facts.noun)
        text = f"{rng.choice(NUMBERS)} {noun}" if rng.random() < 0.7 else rng.choice(GROUPS).format(noun)
        answer = rng.choice((
            f"I draw one character at a time, so here is one {facts.noun}.",
            f"I can only draw one character, so here is one {facts.noun}.",
            f"One picture holds one character: here is a {facts.noun}.",
        ))  # fmt: skip
        return self._made(rng, text, "count", answer, (facts, idea))

    def _scene(self, rng: random.Random, held_out: bool) -> Prompt:
        facts, _ = found = self._base(rng, held_out)
        text = f"{short(rng, facts)}{rng.choice((' ', ', '))}{rng.choice(SCENES)}"
        answer = rng.choice((
            f"I draw characters without a background, so here is the {facts.noun} alone.",
            f"I cannot draw scenes, so here is just the {facts.noun}.",
            f"My sprites have no background; here is the {facts.noun}.",
        ))  # fmt: skip
        return self._made(rng, text, "scene", answer, found)

    def _company(self, rng: random.Random, held_out: bool) -> Prompt:
        facts, _ = found = self._base(rng, held_out, plain=True)
        thing = rng.choice(MOUNTS)
        answer = rng.choice((f"I draw single characters only, so here is the {facts.noun} alone.",
                             f"I cannot draw animals or vehicles, so here is the {facts.noun} alone."))  # fmt: skip
        return self._made(rng, f"a {facts.noun} {thing}", "company", answer, found)

    def _pair(self, rng: random.Random, held_out: bool) -> Prompt:
        (facts, idea), (other, _) = (self._base(rng, held_out, plain=True) for _ in range(2))
        text = rng.choice(PAIRS).format(f"a {facts.noun}", f"a {other.noun}")
        answer = rng.choice((f"I draw one character at a time, so here is the {facts.noun}.",
                             f"I cannot draw two characters together, so here is the {facts.noun}."))  # fmt: skip
        return self._made(rng, text, "pair", answer, (facts, idea))

    def _size(self, rng: random.Random, held_out: bool) -> Prompt:
        facts, _ = found = self._base(rng, held_out)
        said = short(rng, facts)
        if rng.random() < 0.5:
            side = rng.choice((16, 24, 32, 48, 96, 128, 256, 512, 1024))
            form = rng.choice(SIZES).format(side, side)
            text = f"{said}, {form}" if rng.random() < 0.6 else f"a {form} {bare(said)}"
        else:
            text = f"a {rng.choice(SIZE_WORDS)} {bare(said)}"
        answer = rng.choice(("All my sprites are 64 by 64 pixels, so here is one at that size.",
                             "I draw everything at 64 by 64 pixels; here it is at that size."))  # fmt: skip
        return self._made(rng, text, "size", answer, found)

    def _medium(self, rng: random.Random, held_out: bool) -> Prompt:
        facts, _ = found = self._base(rng, held_out)
        form, said = rng.choice(MEDIA), short(rng, facts)
        before_noun = form.endswith(("photorealistic {}", "realistic {}"))
        text = form.format(bare(said) if before_noun else said)
        answer = rng.choice(("I only make pixel art, so here is a sprite.",
                             "I can only draw small pixel art; here is a sprite of it.",
                             "Pixel art is all I draw, so here is a sprite instead."))  # fmt: skip
        return self._made(rng, text, "medium", answer, found)

    def _child(self, rng: random.Random, held_out: bool) -> Prompt:
        return self._instead(rng, held_out, rng.choice(CHILDREN), "human", "child", (
            "I can only draw adults, so here is a grown-up.", "I have no children in my art, so here is an adult.",
        ))  # fmt: skip

    def _naked(self, rng: random.Random, held_out: bool) -> Prompt:
        return self._instead(rng, held_out, rng.choice(NAKED), "human", "naked", (
            "I only draw characters with clothes on, so here is one.", "My characters are always dressed; here is one.",
        ))  # fmt: skip

    def _species(self, rng: random.Random, held_out: bool) -> Prompt:
        asked = rng.choice([k for k, (species, _) in KINDS.items() if species in self.prompter.library.species])
        species, called = KINDS[asked]
        return self._instead(rng, held_out, asked, species, "species", (
            f"I cannot draw a {asked}; the nearest I have is {called}.",
            f"I have no {asked}, so here is {called} instead.",
            f"A {asked} is not among the creatures I draw, so here is {called}.",
        ))  # fmt: skip

    def _instead(
        self, rng: random.Random, held_out: bool, asked: str, species: str, kind: str, answers: tuple[str, ...]
    ) -> Prompt:
        """Return a request for something that one of a species stands in for."""
        beard = "dwar" in asked or (False if kind == "child" else None)
        idea = self.prompter.ideas.plain(rng, (species, _build(asked)), beard=beard, held_out=held_out)
        look = self.prompter.looks.of(idea.who, idea.direction)
        text = f"a {asked}" if rng.random() < 0.7 else asked
        named: Named = {"species": (species,)}
        if _build(asked):
            named["build"] = (idea.who["build"],)
        return self._prompt(rng, text, kind, rng.choice(answers), look, named)

    # -- without --------------------------------------------------------------------------------

    def _thing(self, rng: random.Random, held_out: bool) -> Prompt:
        thing, role = rng.choice(THINGS), self._some_role(rng)
        answer = rng.choice((
            f"I cannot draw a {thing}; I only draw game characters. Shall I draw a {role} instead?",
            f"I only draw single game characters, not a {thing}. How about a {role}?",
            f"A {thing} is beyond me: I draw game characters. Would you like a {role}?",
        ))  # fmt: skip
        return self._prompt(rng, f"a {thing}" if rng.random() < 0.75 else thing, "thing", answer)

    def _famous(self, rng: random.Random, held_out: bool) -> Prompt:
        name = rng.choice(FAMOUS)
        answer = rng.choice((
            "I do not know who that is. Tell me what they look like, and I will draw them.",
            "I know no names, only looks. Describe hair, clothes and colours, and I will draw them.",
            "I cannot draw particular people, but I can draw from a description. What do they wear?",
        ))  # fmt: skip
        return self._prompt(rng, name, "famous", answer)

    def _some_role(self, rng: random.Random) -> str:
        return rng.choice(
            ("knight", "wizard", "ranger", "pirate", "blacksmith", "queen", "ninja", "healer", "farmer", "viking")
        )


def _build(words: str) -> str | None:
    """Return the build that a noun tells, None where it leaves it open."""
    known_words = set(words.split())
    return (
        "woman"
        if known_words & {"woman", "girl", "mermaid", "giantess"}
        else "man"
        if known_words & {"man", "boy"}
        else None
    )


def plural(noun: str) -> str:
    """Return the plural of a noun phrase whose last word counts: `female elves`."""
    *words, last = noun.split(" ")
    for ending, many in IRREGULAR.items():
        if last.endswith(ending) and last not in ("human", "shaman", "roman"):
            return " ".join((*words, last.removesuffix(ending) + many))
    if last.endswith(("s", "x", "ch", "sh")):
        return " ".join((*words, last + "es"))
    if last.endswith("y") and last[-2] not in "aeiou":
        return " ".join((*words, last[:-1] + "ies"))
    return " ".join((*words, last + "s"))
