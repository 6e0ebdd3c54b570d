"""Everything that the text half reads and writes, as conversations of plain turns.

    corpus = Corpus(library)
    turns = corpus.conversation(rng)              # of any kind, as often as MIXTURE says
    turns = corpus.conversation(rng, "story")     # of one kind
    texts(library, rng, 5000)                     # to learn a vocabulary from

Where a turn draws, its thinking is the look and a block follows; elsewhere the thinking, if any, is the working-out.
"""

import random
from collections.abc import Callable

from sancai.data.characters.card import card
from sancai.data.characters.changes import Changer
from sancai.data.characters.describe import description
from sancai.data.characters.library import Library
from sancai.data.characters.limits import Limits
from sancai.data.characters.persons import Person, person
from sancai.data.characters.prompts import Prompt, Prompter
from sancai.data.characters.questions import Asker
from sancai.data.characters.sentences import short
from sancai.data.characters.story import story
from sancai.data.characters.talk import Talk
from sancai.data.spelling import as_typed
from sancai.data.sums import beyond, sums
from sancai.data.turn import Turn, assistant, user
from sancai.data.unknown import unknown

MIXTURE = {
    "draw": 0.44, "limit": 0.08, "edit": 0.08, "animate": 0.04, "sum": 0.12, "beyond": 0.01, "talk": 0.06,
    "unknown": 0.07,
    "story": 0.05, "card": 0.05,
}  # fmt: skip
"""How often a conversation is of each kind."""
STORY_ASKED = (
    "tell me a story about {}", "a story about {}", "write a story about {}", "tell a short story about {}",
    "can you tell me a story about {}?",
    "make up a story about {}", "i want a story about {}", "write a short tale about {}", "story: {}",
    "invent a story about {}",
    "please tell the story of {}", "tell me about {} in a story", "a tale of {}", "give me a little story with {}",
)  # fmt: skip
STORY_NEXT = (
    "tell me {his} story", "tell a story about {him}", "what is {his} story?", "write a story about {him}",
    "and {his} story?",
    "now a story", "tell me a story about this character", "make up a story for {him}", "story please",
)  # fmt: skip
CARD_ASKED = (
    "make a character card for {}", "create a character: {}", "character sheet for {}", "stats for {}",
    "give me a card of {}",
    "write a character card: {}", "i need a character sheet for {}", "invent a game character: {}",
    "name and stats for {}",
    "make a stat block for {}", "design a character: {}", "card: {}",
)  # fmt: skip
CARD_NEXT = (
    "write the card", "give me the stats", "name and stats please", "make a character card",
    "write {his} character sheet", "stat block",
    "what are {his} stats?", "give {him} a name and a background", "card please", "now the character card",
    "write a card for {him}",
)  # fmt: skip
NEXT_SHARE = 0.4
"""How often a story or card follows a drawing."""


class Corpus:
    """Conversations about the characters of one library."""

    def __init__(self, library: Library) -> None:
        self.library, self.prompter = library, Prompter(library)
        self.limits, self.changer, self.talk = Limits(self.prompter), Changer(library), Talk(self.prompter)
        self.kinds: dict[str, Callable[[random.Random, bool], list[Turn]]] = {
            "draw": self._draw, "limit": self._limit, "edit": self._edit, "animate": self._animate, "sum": self._sum,
            "beyond": self._beyond, "talk": self._talk, "unknown": self._unknown, "story": self._story,
            "card": self._card,
        }  # fmt: skip

    def conversation(self, rng: random.Random, kind: str | None = None, *, held_out: bool = False) -> list[Turn]:
        """Return a random conversation; looks and unknown questions are from one side of their splits."""
        chosen = kind or rng.choices(list(MIXTURE), list(MIXTURE.values()))[0]
        return self.kinds[chosen](rng, held_out)

    # -- looks ----------------------------------------------------------------------------------

    def _draw(self, rng: random.Random, held_out: bool) -> list[Turn]:
        return self.prompter.draw(rng, held_out=held_out).turns()

    def _limit(self, rng: random.Random, held_out: bool) -> list[Turn]:
        return self.limits.draw(rng, held_out=held_out).turns()

    def _edit(self, rng: random.Random, held_out: bool) -> list[Turn]:
        """Return a drawing and one to three changes of it, each with the look afterwards."""
        prompt = self.prompter.draw(rng, held_out=held_out, style=rng.choice(("short", "sentence", "keywords")))
        turns, look = prompt.turns(), prompt.look
        for _ in range(rng.choices((1, 2, 3), (70, 22, 8))[0]):
            change = self.changer.edit(rng, look, held_out=held_out) if look else None
            if change is not None:
                turns += [user(change.text), assistant("", str(change.after))]
                look = change.after
        return turns

    def _animate(self, rng: random.Random, held_out: bool) -> list[Turn]:
        """Return a drawing and an action for it."""
        prompt = self.prompter.draw(rng, held_out=held_out, style="short")
        change = self.changer.animate(rng, prompt.look, held_out=held_out) if prompt.look else None
        more = [user(change.text), assistant("", str(change.after))] if change else []
        return prompt.turns() + more

    # -- texts ----------------------------------------------------------------------------------

    def _sum(self, rng: random.Random, held_out: bool) -> list[Turn]:
        return sums(rng, rng.choices((1, 2, 3), (6, 3, 1))[0])

    def _beyond(self, rng: random.Random, held_out: bool) -> list[Turn]:
        return beyond(rng)

    def _talk(self, rng: random.Random, held_out: bool) -> list[Turn]:
        return self.talk.conversation(rng, held_out=held_out)

    def _unknown(self, rng: random.Random, held_out: bool) -> list[Turn]:
        """Return questions that cannot be answered, now and then after a little talk."""
        turns = self.talk.exchange(rng, rng.choice(("hello", "skills", "mood"))) if rng.random() < 0.1 else []
        for _ in range(1 if rng.random() < 0.8 else 2):
            asked, answer = unknown(rng, held_out=held_out)
            turns += [user(asked), assistant(answer)]
        return turns

    def _story(self, rng: random.Random, held_out: bool) -> list[Turn]:
        return self._about(rng, held_out, (STORY_ASKED, STORY_NEXT), lambda who: story(who, rng))

    def _card(self, rng: random.Random, held_out: bool) -> list[Turn]:
        return self._about(rng, held_out, (CARD_ASKED, CARD_NEXT), lambda who: card(who, self.library, rng))

    def _about(
        self,
        rng: random.Random,
        held_out: bool,
        forms: tuple[tuple[str, ...], tuple[str, ...]],
        write: Callable[[Person], str],
    ) -> list[Turn]:
        """Return a text about a character: after its drawing, or with the look as thinking."""
        asked, later = forms
        if rng.random() < NEXT_SHARE:
            prompt = self.prompter.draw(rng, held_out=held_out, style="short")
            who = self._person(rng, prompt)
            words = rng.choice(later).format(his=who.his, him=who.him)
            return [*prompt.turns(), user(as_typed(words, rng)), assistant(write(who))]
        idea = self.prompter.ideas.draw(rng, "short", held_out=held_out)
        facts = self.prompter.teller.tell(rng, idea)
        look = self.prompter.looks.of(idea.who, idea.direction)
        who = person(self.prompter.wording, idea.who, rng, idea.role.name if idea.role else None, facts.trait)
        question = as_typed(rng.choice(asked).format(short(rng, facts)), rng)
        return [user(question), assistant(write(who), str(look))]

    def _person(self, rng: random.Random, prompt: Prompt) -> Person:
        assert prompt.look is not None, "ordinary prompts have looks"
        return person(
            self.prompter.wording, self.prompter.looks.character(prompt.look)[0], rng, prompt.role, prompt.trait
        )


def texts(library: Library, rng: random.Random, count: int) -> list[str]:
    """Return the texts of `count` conversations and of descriptions and questions about pictures."""
    corpus = Corpus(library)
    found: list[str] = []
    for number in range(count):
        turns = corpus.conversation(rng)
        if number % 10 == 0:
            idea = corpus.prompter.ideas.draw(rng, "full")
            frame = library.animations[idea.who["action"]]["clip"][0]
            visible = library.visible(idea.who, idea.direction, [frame])
            turns += description(corpus.prompter.looks, idea.who, idea.direction, frame, rng)
            found += Asker(library, idea.who, idea.direction, visible, rng).ask()[1:]
        found += [text for turn in turns for text in (turn.thinking, turn.content) if text]
    return found
