"""Characters as a data set: every task of the model as documents, composed on the fly from a pack of parts.

The text half learns what people type → the look; the visual half learns the look → pixels, in *drawing documents* that
hold no words of a user.  A document's noisy blocks hold clean latents; training adds the noise.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sancai.codec import PixelCodec
from sancai.data.characters.corpus import MIXTURE, Corpus, texts
from sancai.data.characters.describe import description
from sancai.data.characters.library import Character, Library
from sancai.data.characters.look import Look
from sancai.data.characters.packs import open_pack
from sancai.data.characters.palette import vocabulary
from sancai.data.characters.questions import QUESTIONS, Asker
from sancai.data.characters.split import draw_character
from sancai.data.characters.vocabulary import known_colors, known_words
from sancai.data.dataset import DatasetConfig, Task
from sancai.data.turn import Turn, assistant, user
from sancai.errors import ConfigError
from sancai.sequence import Block, Document
from sancai.tokenizer import Part, Tokenizer, Writer
from sancai.tokenizer.control import ASSISTANT, END_THINK, THINK, Control

SEE = "what is the look of this character?"
"""Question about a picture that is answered by its look."""
CHANGE = "{look}\n{request}"
"""Request to change a look as the words of a user ask."""
PLANS = ("draw", "limit", "edit", "animate")
"""Conversations of the corpus that end in a look."""
TEXTS = {
    "arithmetic": ("sum", "beyond"), "dialogue": ("talk",), "unknown": ("unknown",), "story": ("story",),
    "card": ("card",),
}  # fmt: skip
"""Text tasks besides `plan`: the kinds of conversations that each holds."""


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
    """Noisy frames of one character behind one look."""
    idea_share: float = 0.5
    """How often a character is one that prompts are about; else it wears anything that the art has."""
    still_share: float = 0.4
    """How often a picture is the first frame of its action, which pictures show where nothing else is asked for."""
    drop_look: float = 0.1
    """How often the look is left out, for classifier-free guidance."""
    change_share: float = 0.2
    """How often a plan changes the look of a picture that it is given."""
    see_share: float = 0.6
    """How often a picture is described by its look alone, as the model does before it changes a picture."""
    questions: int = 4
    """Questions about one picture."""
    kinds: tuple[str, ...] = QUESTIONS
    """Kinds of questions; one named twice is asked twice as often."""

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
        """Drawing documents train pixels alone, all others text alone."""
        picture, clip = Task(text=False, shift=self.shift), Task(text=False, shift=self.clip_shift)
        words, seen = Task(mtp=True), Task(mtp=True, indexer=True)
        return {
            "image": picture, "edit": picture, "video": clip, "animate": clip, "describe": seen, "vqa": seen,
            "plan": words, **dict.fromkeys(TEXTS, words),
        }  # fmt: skip

    def texts(self, rng: random.Random, count: int) -> list[str]:
        """Return the texts of `count` conversations, descriptions and questions."""
        return [*texts(open_pack(self.pack), rng, count), SEE]

    def open(self, tokenizer: Tokenizer, codec: PixelCodec | None = None) -> "Characters":
        """Open the pack."""
        return Characters(open_pack(self.pack), tokenizer, self, codec)


class Characters:
    """Documents from a library of parts, one method a task."""

    def __init__(
        self, library: Library, tokenizer: Tokenizer, config: CharactersConfig, codec: PixelCodec | None = None
    ) -> None:
        self.library, self.tokenizer, self.config = library, tokenizer, config
        self.codec, self.corpus = codec or PixelCodec(), Corpus(library)
        self.looks = self.corpus.prompter.looks
        drawing = (self.image, self.video, self.edit, self.animate, self.describe, self.vqa, self.plan)
        self.tasks: dict[str, Callable[[random.Random], Document]] = {task.__name__: task for task in drawing}
        self.metadata: dict[str, Callable[[], Any]] = {
            "words.json": lambda: known_words(library),
            "palette.json": lambda: known_colors(library),
            "looks.json": lambda: vocabulary(library).to_json(),
            "generation.json": self.generation,
        }

    def documents(self, task: str, count: int, rng: random.Random, first: int = 0) -> list[Document]:
        """Return `count` documents of one task; every one is composed anew, so `first` does not matter."""
        if task in TEXTS:
            return [self._conversation(TEXTS[task], rng) for _ in range(count)]
        return [self.tasks[task](rng) for _ in range(count)]

    def generation(self) -> dict[str, Any]:
        """Return what the engine has to know: that a look comes before a picture, and how long actions are."""
        actions = {
            self.looks.actions[name]: {
                "frames": spec["frames"],
                "loops": bool(spec["loop"]),
                "name": name,
                "directions": None if spec["dirs"] == 4 else [spec["only"]],
            }
            for name, spec in self.library.animations.items()
        }
        longest = max(spec["frames"] for spec in self.library.animations.values())
        return {
            "plan": True, "think": "auto", "max_frames": longest, "block_frames": longest, "actions": actions,
            "facings": dict(self.looks.facings), "see_prompt": SEE, "change_prompt": CHANGE,
        }  # fmt: skip

    # -- drawing documents: a look, and perhaps a picture → pixels --------------------------------

    def image(self, rng: random.Random) -> Document:
        """A look → frames of one character, each its own noisy block."""
        who, direction = self._character(rng)
        times = [self._frame(rng, who) for _ in range(self.config.image_copies)]
        return self.drawing(self._shown(rng, who, direction), who, direction, times)

    def drawing(self, look: str, who: Character, direction: str, times: Sequence[int] = (0,)) -> Document:
        """A look → these frames of a given character, each its own noisy block."""
        writer = Writer(self.tokenizer).assistant(think=look).announce(1)
        for time in times:
            writer.block(self._noisy(who, direction, [time]))
        return writer.finish()

    def video(self, rng: random.Random) -> Document:
        """A look → all frames of its action as one block."""
        who, direction = self._character(rng)
        frames = range(self.library.animations[who["action"]]["frames"])
        writer = Writer(self.tokenizer).assistant(think=self._shown(rng, who, direction)).announce(len(frames))
        return writer.block(self._noisy(who, direction, frames)).finish()

    def edit(self, rng: random.Random) -> Document:
        """A picture and a new look → the picture after it, in the same pose where the action stays."""
        while True:
            who, direction = self._character(rng)
            frame = self._frame(rng, who)
            change = self.corpus.changer.edit(rng, self.looks.seen(who, direction, frame))
            if change is not None:
                break
        after, facing = self.looks.character(change.after)
        stays = after["action"] == who["action"]
        writer = Writer(self.tokenizer).user([self._picture(who, direction, frame)])
        writer.assistant(think=self._dropped(rng, change.after)).announce(1)
        for _ in range(2):
            writer.block(self._noisy(after, facing, [frame if stays else 0], times=[0]))
        return writer.finish()

    def animate(self, rng: random.Random) -> Document:
        """A picture and a look in another action → all frames of that action."""
        while True:
            who, direction = self._character(rng)
            frame = self._frame(rng, who)
            change = self.corpus.changer.animate(rng, self.looks.seen(who, direction, frame))
            if change is not None:
                break
        after, facing = self.looks.character(change.after)
        frames = range(self.library.animations[after["action"]]["frames"])
        writer = Writer(self.tokenizer).user([self._picture(who, direction, frame)])
        writer.assistant(think=self._dropped(rng, change.after)).announce(len(frames))
        return writer.block(self._noisy(after, facing, frames)).finish()

    # -- reading pictures -----------------------------------------------------------------------

    def describe(self, rng: random.Random) -> Document:
        """A picture → its look, or a sentence about it."""
        who, direction = self._character(rng)
        frame = self._frame(rng, who)
        picture = self._picture(who, direction, frame)
        if rng.random() < self.config.see_share:
            turns = [user(SEE), assistant(str(self.looks.seen(who, direction, frame)))]
        else:
            turns = description(self.looks, who, direction, frame, rng)
        return self._write(turns, [picture], draws=False)

    def vqa(self, rng: random.Random) -> Document:
        """A picture → answers to questions about it."""
        who, direction = self._character(rng)
        frame = self._frame(rng, who)
        asker = Asker(self.library, who, direction, self.library.visible(who, direction, [frame]), rng)
        turns: list[Turn] = []
        for _ in range(self.config.questions):
            _, question, answer = asker.ask(self.config.kinds)
            turns += [user(question), assistant(answer)]
        return self._write(turns, [self._picture(who, direction, frame)], draws=False)

    # -- text alone -----------------------------------------------------------------------------

    def plan(self, rng: random.Random) -> Document:
        """What people type → the look that they mean, or an answer where nothing can be drawn."""
        if rng.random() < self.config.change_share:
            return self._change(rng)
        return self._conversation(PLANS, rng)

    def _change(self, rng: random.Random) -> Document:
        """A look that was seen and a request → the look afterwards, as the engine asks for it."""
        while True:
            who, direction = self._character(rng)
            seen = self.looks.seen(who, direction, self._frame(rng, who))
            animates = rng.random() < 0.35
            change = (self.corpus.changer.animate if animates else self.corpus.changer.edit)(rng, seen)
            if change is not None:
                break
        turns = [user(CHANGE.format(look=seen, request=change.text)), assistant("", str(change.after))]
        return self._write(turns, frames=self._length(change.after) if animates else 1)

    def _conversation(self, kinds: Sequence[str], rng: random.Random) -> Document:
        """Return a conversation of one of these kinds, as often as the corpus has them."""
        kind = rng.choices(kinds, [MIXTURE[kind] for kind in kinds])[0]
        turns = self.corpus.conversation(rng, kind)
        frames = 1
        if kind == "animate" and len(turns) > 2 and turns[-1].thinking:
            frames = self._length(self.looks.parse(turns[-1].thinking))
        return self._write(turns, draws=kind != "sum", ends=kind in ("story", "card"), frames=frames)

    # -- parts ----------------------------------------------------------------------------------

    def _write(
        self, turns: Sequence[Turn], pictures: Sequence[Part] = (), *, draws: bool = True, ends: bool = False,
        frames: int = 1,
    ) -> Document:  # fmt: skip
        """Return turns as a document; the model learns to choose whether it thinks.

        Args:
            pictures: before the words of the first turn.
            draws: a turn with thinking announces a picture.
            ends: the last turn does not: its thinking is a look of which it tells.
            frames: what the last turn announces; earlier ones announce one.
        """
        writer = Writer(self.tokenizer)
        for number, turn in enumerate(turns):
            if turn.role == "user":
                writer.user([*(pictures if number == 0 else ()), turn.content])
                continue
            is_last = number == len(turns) - 1
            writer.add(Control(ASSISTANT))
            if turn.thinking is not None:
                writer.add(Control(THINK), learn=True).add(turn.thinking, learn=True)
            writer.add(Control(END_THINK), learn=True)
            if turn.thinking is not None and draws and not (ends and is_last):
                writer.add(turn.content, learn=True).announce(frames if is_last else 1)
            else:
                writer.answer(turn.content)
        return writer.finish()

    def _character(self, rng: random.Random) -> tuple[Character, str]:
        """Return a random character and direction of the training side of the split."""
        if rng.random() < self.config.idea_share:
            prompt = self.corpus.prompter.draw(rng)
            if prompt.look is not None:
                return self.looks.character(prompt.look)
        return draw_character(self.library, rng)

    def _frame(self, rng: random.Random, who: Character) -> int:
        """Return the number of a frame of an action."""
        return 0 if rng.random() < self.config.still_share else rng.randrange(self._length_of(who["action"]))

    def _length(self, look: Look) -> int:
        """Return how many frames the action of a look has."""
        return self._length_of(self.looks.character(look)[0]["action"])

    def _length_of(self, action: str) -> int:
        return int(self.library.animations[action]["frames"])

    def _shown(self, rng: random.Random, who: Character, direction: str) -> str:
        """Return the look of a character; now and then nothing."""
        return self._dropped(rng, self.looks.of(who, direction))

    def _dropped(self, rng: random.Random, look: Look) -> str:
        return "" if rng.random() < self.config.drop_look else str(look)

    def _draw(self, who: Character, direction: str, frames: Sequence[int]) -> np.ndarray:
        """Return latents (F, Y, X, C) of these frames of the art."""
        return self.codec.encode(np.stack([self.library.frame(who, direction, frame) for frame in frames]))

    def _noisy(
        self, who: Character, direction: str, frames: Sequence[int], times: Sequence[int] | None = None
    ) -> Block:
        """Return a block to be denoised; its time coordinates are the art's frame numbers unless given."""
        return Block(latents=self._draw(who, direction, frames), times=list(times or frames), sigma=1.0)

    def _picture(self, who: Character, direction: str, frame: int) -> Block:
        """Return a picture that is given; nobody knows its frame number."""
        return Block(latents=self._draw(who, direction, [frame]), times=[0], committed=True)
