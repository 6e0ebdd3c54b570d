"""What people type, with the look that they mean.

    prompter = Prompter(library)
    prompt = prompter.draw(rng)               # Prompt("orc warrior with a mace", look, …)
    holds(prompt.named, attributes)           # which named attributes a picture has

What a prompt names holds in its look exactly.  No prompt of one side of the split has a look of the other.
"""

import random
from dataclasses import dataclass

from sancai.data.characters.captions import caption
from sancai.data.characters.facts import Teller
from sancai.data.characters.ideas import Idea, Ideas
from sancai.data.characters.library import Library
from sancai.data.characters.look import Look, Looks
from sancai.data.characters.outfit import Role
from sancai.data.characters.sentences import write
from sancai.data.characters.wording import Named, Wording
from sancai.data.spelling import as_typed
from sancai.data.turn import Turn, assistant, user

STYLES = {"short": 0.4, "keywords": 0.2, "sentence": 0.25, "full": 0.15}
"""How often prompts are a few words, a list of words, sentences, or say everything."""


@dataclass(frozen=True)
class Prompt:
    """A prompt, the look that it asks for, and which attributes it names.

    style: how it is written, one of STYLES, or which limit of the art it meets.
    named: attribute of `split.attributes` (or "eyes") → the values that the words allow, None for nothing.
    answer: what is said beside the picture, mostly nothing.
    trait: an adjective that the look ignores, for stories and cards.
    """

    text: str
    look: Look | None
    style: str
    named: Named
    role: str | None = None
    answer: str = ""
    trait: str | None = None

    def turns(self) -> list[Turn]:
        """Return the conversation; the look is the thinking before the picture."""
        return [user(self.text), assistant(self.answer, str(self.look) if self.look else None)]


class Prompter:
    """Prompts for the characters of one library."""

    def __init__(self, library: Library) -> None:
        self.library, self.looks = library, Looks(library)
        self.ideas, self.wording = Ideas(library), Wording(library)
        self.teller = Teller(library, self.wording)

    def draw(self, rng: random.Random, *, held_out: bool = False, style: str | None = None) -> Prompt:
        """Return a random prompt whose look is on one side of the split."""
        chosen = style or rng.choices(list(STYLES), list(STYLES.values()))[0]
        return self.write(rng, self.ideas.draw(rng, chosen, held_out=held_out))

    def plain_role(self, rng: random.Random, role: Role, *, held_out: bool = False) -> Look:
        """Return the look of someone with a role of whom nothing else is told."""
        idea = self.ideas.plain_role(rng, role, held_out=held_out)
        return self.looks.of(idea.who, idea.direction)

    def sentence(self, look: Look) -> str:
        """Return one sentence about a look."""
        who, direction = self.looks.character(look)
        text = caption(self.library, who, direction, video=False)
        return f"{text[0].upper()}{text[1:]}."

    def write(self, rng: random.Random, idea: Idea) -> Prompt:
        """Return a prompt in some wording for an idea."""
        facts = self.teller.tell(rng, idea)
        text = as_typed(write(rng, facts, idea.style), rng)
        look = self.looks.of(idea.who, idea.direction)
        role = idea.role.name if idea.role else None
        return Prompt(text, look, idea.style, facts.named, role, facts.answer, facts.trait)
