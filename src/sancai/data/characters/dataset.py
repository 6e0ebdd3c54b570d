"""Characters as a data set: every task of the model as documents, composed on the fly from a pack of parts.

A document's noisy blocks hold clean latents; training adds the noise.
"""

import copy
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sancai.codec import PixelCodec
from sancai.data.arithmetic import problem
from sancai.data.characters.captions import DOING, GOING, caption, random_mention
from sancai.data.characters.library import Character, Library
from sancai.data.characters.packs import open_pack
from sancai.data.characters.questions import QUESTIONS, Asker, Editor, other_actions
from sancai.data.characters.split import attributes, draw_character, is_held_out
from sancai.data.characters.texts import DESCRIBE, sample_texts
from sancai.data.characters.vocabulary import known_colors, known_words
from sancai.data.dataset import DatasetConfig, Task
from sancai.data.small_talk import EXCHANGES
from sancai.errors import ConfigError
from sancai.sequence import Block, Document
from sancai.tokenizer import Part, Tokenizer, Writer


@dataclass(frozen=True, kw_only=True)
class CharactersConfig(DatasetConfig):
    """Which pack, and how documents are drawn from it."""

    pack: str = "synthetic"
    """`synthetic`, or the folder of a character pack."""
    shift: float = 3.0
    """How far the noise levels of pictures lean towards noise."""
    clip_shift: float = 8.0
    """The same for clips, which hold more numbers that say the same."""
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

    @property
    def tasks(self) -> Mapping[str, Task]:
        """What a document can be about: the names of the methods of `Characters`."""
        picture, clip, words = Task(shift=self.shift), Task(shift=self.clip_shift), Task(mtp=True)
        return {
            "image": picture, "edit": picture, "video": clip, "animate": clip,
            "vqa": Task(mtp=True, indexer=True), "arithmetic": words, "dialogue": words,
        }  # fmt: skip

    def texts(self, rng: random.Random, count: int) -> list[str]:
        """Return captions, questions, answers, edits and sums about `count` characters."""
        return sample_texts(open_pack(self.pack), rng, count)

    def open(self, tokenizer: Tokenizer) -> "Characters":
        """Open the pack."""
        return Characters(open_pack(self.pack), tokenizer, self)


class Characters:
    """Documents from a library of parts, one method a task."""

    def __init__(self, library: Library, tokenizer: Tokenizer, config: CharactersConfig) -> None:
        self.library, self.tokenizer, self.config = library, tokenizer, config
        self.codec = PixelCodec()
        self.metadata = {
            "words.json": lambda: known_words(library),
            "palette.json": lambda: known_colors(library),
        }

    def documents(self, task: str, count: int, rng: random.Random, first: int = 0) -> list[Document]:
        """Return `count` documents of one task; every one is composed anew, so `first` does not matter."""
        draw: Callable[[random.Random], Document] = getattr(self, task)
        return [draw(rng) for _ in range(count)]

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

    def vqa(self, rng: random.Random) -> Document:
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

    def dialogue(self, rng: random.Random) -> Document:
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
