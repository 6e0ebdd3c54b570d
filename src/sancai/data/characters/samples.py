"""Training documents: every task of the model as segments.

A sample's noisy blocks hold clean latents; the trainer adds the noise.  `TrainConfig.mixture` says how
much of each task a step holds.
"""

import copy
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sancai.codec import PixelCodec
from sancai.data.arithmetic import problem
from sancai.data.characters.captions import DOING, GOING, caption, random_mention
from sancai.data.characters.library import Character, Library
from sancai.data.characters.questions import QUESTIONS, Asker, Editor, other_actions
from sancai.data.characters.split import attributes, draw_character, is_held_out
from sancai.data.small_talk import EXCHANGES
from sancai.errors import ConfigError
from sancai.sequence import Block, Document
from sancai.tokenizer import Part, Tokenizer, Writer

TASKS = ("image", "video", "animate", "edit", "look", "arithmetic", "talk")
"""What a document can be about: the names of `Sampler`'s methods."""
DESCRIBE = ("describe the character.", "what do you see?", "describe this picture.")


@dataclass(frozen=True, kw_only=True)
class SampleConfig:
    """How training documents are drawn."""

    image_copies: int = 4
    """Noisy frames of one character that share a caption."""
    idle_share: float = 0.25
    """How often an image surely shows what prompts without an action mean: standing, or a frame of walking, which
    more garments were drawn for."""
    drop_text: float = 0.1
    """How often the caption is left out, for classifier-free guidance."""
    describe_share: float = 0.45
    """How often a picture is described before a question is asked; every attribute teaches in a description."""
    questions: int = 4
    """Questions about one picture."""
    kinds: tuple[str, ...] = QUESTIONS
    """Kinds of questions; one named twice is asked twice as often."""
    digits: int = 2
    direct_share: float = 0.15
    """How often a sum is answered without being worked out."""

    def __post_init__(self) -> None:
        if not {"direction", "action"} & set(self.kinds):
            raise ConfigError(
                f"kinds of questions are {self.kinds}; add direction or action: a picture may answer none of the others"
            )
        unknown = sorted(set(self.kinds) - set(QUESTIONS))
        if unknown:
            raise ConfigError(f"unknown kinds of questions {unknown}; expected some of {', '.join(QUESTIONS)}")


class Sampler:
    """Draws documents from a library.  All randomness comes from the generator given to each call."""

    def __init__(self, library: Library, tokenizer: Tokenizer, config: SampleConfig) -> None:
        self.library, self.tokenizer, self.config = library, tokenizer, config
        self.codec = PixelCodec()
        self.tasks: dict[str, Callable[[random.Random], Document]] = {task: getattr(self, task) for task in TASKS}

    def documents(self, task: str, count: int, rng: random.Random) -> list[Document]:
        """Return `count` documents of one task."""
        return [self.tasks[task](rng) for _ in range(count)]

    # -- drawing and filming ---------------------------------------------------------------

    def image(self, rng: random.Random) -> Document:
        """Text → frames of one character, each its own noisy block."""
        action = rng.choice(("idle", "walk")) if rng.random() < self.config.idle_share else None
        who, direction = self._character(rng, action)
        times = self._frames(rng, self.config.image_copies)
        return self.drawing(self._caption(rng, who, direction, times[:1], video=False), who, direction, times)

    def drawing(self, words: str, who: Character, direction: str, times: Sequence[int] = (0,)) -> Document:
        """Words → frames of a given character at these times, each its own noisy block."""
        writer = self._ask([words], frames=1)
        for time in times:
            writer.block(self._noisy(self._draw(who, direction, [time]), [time]))
        return writer.finish()

    def video(self, rng: random.Random) -> Document:
        """Text → a clip."""
        who, direction = self._character(rng)
        words = self._caption(rng, who, direction, range(8), video=True)
        writer = self._ask([words], frames=8)
        return writer.block(self._noisy(self._draw(who, direction, range(8)), range(8))).finish()

    def animate(self, rng: random.Random) -> Document:
        """A picture and a few words → a clip of the same character."""
        while True:
            who, direction = self._character(rng)
            after = copy.deepcopy(who)
            if self.library.animations[who["action"]]["dirs"] == 4:
                after["action"] = rng.choice(other_actions(self.library, who))
            if not is_held_out(attributes(self.library, after, direction)):
                break
        words = rng.choice(DOING.get(after["action"], (after["action"],)))
        if rng.random() < 0.3:
            words = f"{words} {rng.choice(GOING[direction])}"
        first = self._picture(self._draw(who, direction, [rng.choice((0, 0, rng.randrange(8)))]))
        writer = self._ask([first, "" if rng.random() < self.config.drop_text else words], frames=8)
        return writer.block(self._noisy(self._draw(after, direction, range(8)), range(8))).finish()

    def edit(self, rng: random.Random) -> Document:
        """A picture and an instruction → the picture after it."""
        while True:
            who, direction = self._character(rng)
            words, after, facing = Editor(self.library, who, direction, rng).edit()
            if not is_held_out(attributes(self.library, after, facing)):
                break
        words = "" if rng.random() < self.config.drop_text else words
        writer = self._ask([self._picture(self._draw(who, direction, [0])), words], frames=1)
        for _ in range(2):
            writer.block(self._noisy(self._draw(after, facing, [0]), [0]))
        return writer.finish()

    # -- reading ----------------------------------------------------------------------------

    def look(self, rng: random.Random) -> Document:
        """A picture → its description or answers to questions."""
        who, direction = self._character(rng)
        time = rng.choice((0, rng.randrange(8)))
        frame = self.library.animations[who["action"]]["clip"][time]
        visible = self.library.visible(who, direction, [frame])
        writer = Writer(self.tokenizer)
        asker = Asker(self.library, who, direction, visible, rng)
        parts: list[Part] = [self._picture(self._draw(who, direction, [time]))]
        if rng.random() < self.config.describe_share:
            told = caption(self.library, who, direction, visible=visible, video=False)
            writer.user([*parts, rng.choice(DESCRIBE)]).assistant().answer(told)
            parts = []
        for _ in range(self.config.questions if parts else 1):
            _, question, answer = asker.ask(self.config.kinds)
            writer.user([*parts, question]).assistant().answer(answer)
            parts = []
        return writer.finish()

    def arithmetic(self, rng: random.Random) -> Document:
        """A sum with worked steps, a few to a document."""
        writer = Writer(self.tokenizer)
        for _ in range(2):
            item = problem(rng, self.config.digits)
            steps = None if rng.random() < self.config.direct_share else item.steps
            writer.user([item.question]).assistant(think=steps).answer(item.answer)
        return writer.finish()

    def talk(self, rng: random.Random) -> Document:
        """A short exchange about what the model is and does."""
        asked, answer = rng.choice(EXCHANGES)
        return Writer(self.tokenizer).user([rng.choice(asked)]).assistant().answer(answer).finish()

    # -- parts --------------------------------------------------------------------------------

    def _character(self, rng: random.Random, action: str | None = None) -> tuple[Character, str]:
        return draw_character(self.library, rng, action=action)

    def _ask(self, parts: Sequence[Part], frames: int) -> Writer:
        return Writer(self.tokenizer).user(parts).assistant().announce(frames)

    def _caption(self, rng: random.Random, who: Character, direction: str, times: Sequence[int], video: bool) -> str:
        if rng.random() < self.config.drop_text:
            return ""
        clip = self.library.animations[who["action"]]["clip"]
        visible = self.library.visible(who, direction, [clip[t] for t in times])
        mention = random_mention(self.library, rng)
        return caption(self.library, who, direction, visible=visible, video=video, mention=mention, rng=rng)

    def _frames(self, rng: random.Random, count: int) -> list[int]:
        """Return frame numbers, the first frame more often than the others."""
        return [0 if rng.random() < 0.4 else rng.randrange(8) for _ in range(count)]

    def _draw(self, who: Character, direction: str, times: Sequence[int]) -> np.ndarray:
        clip = self.library.animations[who["action"]]["clip"]
        return np.stack([self.library.frame(who, direction, clip[t]) for t in times])

    def _noisy(self, pictures: np.ndarray, times: Sequence[int]) -> Block:
        return Block(latents=self.codec.encode(pictures), times=list(times), sigma=1.0)

    def _picture(self, pictures: np.ndarray) -> Block:
        return Block(latents=self.codec.encode(pictures), times=[0], committed=True)


def sample_texts(library: Library, rng: random.Random, count: int) -> list[str]:
    """Return texts of every kind that the model reads, to learn a vocabulary from."""
    texts = [t for asked, answer in EXCHANGES for t in (*asked, answer)] * 20
    for _ in range(count):
        who, direction = draw_character(library, rng)
        visible = library.visible(who, direction, [library.animations[who["action"]]["clip"][0]])
        mention = random_mention(library, rng)
        video = rng.random() < 0.4
        texts.append(caption(library, who, direction, visible=visible, video=video, mention=mention, rng=rng))
        texts += Asker(library, who, direction, visible, rng).ask()[1:]
        texts.append(Editor(library, who, direction, rng).edit()[0])
        item = problem(rng)
        texts += [item.question, item.steps, item.answer]
    return texts + list(DESCRIBE)
