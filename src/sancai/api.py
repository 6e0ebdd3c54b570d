"""The Python face: load a model, draw, film, chat."""

import dataclasses
import json
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np

from sancai import media
from sancai.character import Character, check_folder, make_clips, plan_character
from sancai.checkpoint import SamplingConfig, load_generation, no_progress, open_model
from sancai.device.platform import device_memory, get_platform
from sancai.engine import (
    Clip,
    Engine,
    Event,
    Malformed,
    Progress,
    Request,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    load_looks,
)
from sancai.errors import AnswerError, CheckpointError, DeclinedError, RequestError
from sancai.files import is_lfs_pointer, lfs_message
from sancai.media import PictureLike
from sancai.tokenizer import Conversation, Message, find_words

__all__ = ["Answer", "Character", "Clip", "Palette", "Pictures", "Sancai", "load"]
MODELS = pathlib.Path(__file__).parent / "models"
SHIPPED = "tiny"
WORDS = "words.json"
Pictures = PictureLike | Sequence[PictureLike]
"""One picture or several; see `sancai.media.to_picture` for what a picture may be."""
Palette = Literal["look", "known", "none"] | int
OnStep = Callable[[int, int], None]
OnEvent = Callable[[Event], None]


@dataclasses.dataclass(frozen=True)
class Answer:
    """A text answer, its thinking, the clips that the model drew if it was let, and the tools it calls.

    malformed: what is no readable tool call (only in the answer of an `AnswerError`).
    """

    text: str
    thinking: str = ""
    clips: tuple[Clip, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    malformed: tuple[Malformed, ...] = ()

    @property
    def message(self) -> Message:
        """The answer as a message, to go on with."""
        return Message(role="assistant", content=self.text, reasoning=self.thinking or None, calls=self.calls)


class Sancai:
    """A loaded model."""

    def __init__(self, engine: Engine, folder: pathlib.Path) -> None:
        self.engine, self.folder = engine, folder

    def generate(self, request: Request) -> Iterator[Event]:
        """Yield the typed events of one request."""
        return self.engine.generate(request)

    def image(
        self,
        prompt: str = "",
        *,
        pictures: Pictures = (),
        look: str | None = None,
        seed: int = 0,
        steps: int | None = None,
        guidance: float | None = None,
        sampler: str | None = None,
        palette: Palette | None = None,
        on_step: OnStep | None = None,
    ) -> Clip:
        """Draw one picture.

        Args:
            prompt: what to draw, or how to change the first of `pictures`.
            pictures: one or several: a path, bytes, a PIL image, a clip, or an array.
            look: draw from this look (of a model that plans) instead of planning one from the prompt.
            seed: the same seed gives the same picture.
            steps, guidance, sampler: settings of denoising; None takes the model's own.
            palette: `look` snaps to the colours of the picture's own look, `known` to those of the training art, a
                number to so many colours, `none` changes nothing; None is `look` for models that plan, else `none`.
            on_step: called with the denoising steps done and all steps.

        Raises:
            DeclinedError: a planning model will not draw this; the message is its answer.
        """
        request = Request(
            kind="image", prompt=prompt, pictures=self._pictures(pictures, "pictures"), look=look, seed=seed,
            sampling=self._sampling(steps=steps, guidance=guidance, sampler=sampler),
        )  # fmt: skip
        return self.draw(request, palette=palette, on_step=on_step)

    def video(
        self,
        prompt: str = "",
        *,
        start: PictureLike | None = None,
        look: str | None = None,
        seed: int = 0,
        frames: int | None = None,
        steps: int | None = None,
        guidance: float | None = None,
        sampler: str | None = None,
        palette: Palette | None = None,
        on_step: OnStep | None = None,
    ) -> Clip:
        """Film a clip.

        Args:
            prompt: who does what; with `start` only the action.
            start: a picture of the character that is to move.
            frames: length of the clip; None takes the model's usual number for the action.

        The other arguments and what is raised are those of `image`.
        """
        request = Request(
            kind="video", prompt=prompt, pictures=() if start is None else self._pictures([start], "start"), look=look,
            seed=seed, frames=frames, sampling=self._sampling(steps=steps, guidance=guidance, sampler=sampler),
        )  # fmt: skip
        return self.draw(request, palette=palette, on_step=on_step)

    def character(
        self,
        prompt: str = "",
        *,
        look: str | None = None,
        seed: int = 0,
        steps: int | None = None,
        guidance: float | None = None,
        actions: Sequence[str] | None = None,
        folder: str | pathlib.Path | None = None,
        palette: Palette | None = None,
        force: bool = False,
        on_progress: OnStep | None = None,
    ) -> Character:
        """Make a whole character: every action in every direction from one look, and a card with name and stats.

        Args:
            prompt: who it is, such as "a grumpy orc blacksmith".
            look: use this look instead of planning one from the prompt.
            actions: names of sheets such as `walk` and `slash`; None makes all.
            folder: where everything is written.  Finished clips are kept there at once, and a later call with the same
                prompt, seed and settings goes on from them.
            force: write into a folder that holds other files.
            on_progress: called with the clips done and all clips.

        The other arguments are those of `image`.

        Raises:
            DeclinedError: the model will not draw this; the message is its answer.
        """
        self._check_palette(palette)
        place = pathlib.Path(folder) if folder is not None else None
        if place is not None:
            check_folder(place, force)
        sampling = self._sampling(steps=steps, guidance=guidance)
        plan = plan_character(self.engine, prompt, look, seed, sampling)
        clips = make_clips(self.engine, plan, lambda c: self._finish(c, palette), place, actions, on_progress)
        made = Character(plan, clips)
        if place is not None:
            made.save(place)
        return made

    def draw(
        self,
        request: Request,
        *,
        palette: Palette | None = None,
        on_step: OnStep | None = None,
        on_event: OnEvent | None = None,
    ) -> Clip:
        """Make the picture or clip of a request, in the colours of `palette` (see `image`).

        Raises:
            DeclinedError: a planning model will not draw this; the message is its answer.
        """
        self._check_palette(palette)
        answer = ""
        for event in self.generate(request):
            if on_event:
                on_event(event)
            if isinstance(event, Progress) and on_step:
                on_step(event.step, event.steps)
            elif isinstance(event, TextDelta):
                answer += event.text
            elif isinstance(event, Clip):
                return self._finish(event, palette)
        raise DeclinedError(answer or "the model will not draw this and gives no reason")

    def chat(
        self,
        prompt: str | Conversation,
        *,
        pictures: Pictures = (),
        think: bool | None = None,
        seed: int = 0,
        temperature: float | None = None,
        max_tokens: int | None = None,
        draws: bool = False,
    ) -> Answer:
        """Answer a question, about pictures if given, or a conversation.

        Args:
            think: whether to think before answering a question; None takes the model's default.  A conversation says
                it itself.
            seed: of the random numbers at temperatures above 0.
            temperature: 0 always takes the likeliest token; None takes the model's own.
            max_tokens: longest answer; None takes the model's own.
            draws: whether to draw what the model announces in its answer; it comes in `Answer.clips`.

        Raises:
            AnswerError: a tool call cannot be read; the error says which, and its `answer` holds everything else.
        """
        if not isinstance(prompt, str | Conversation):
            raise RequestError(
                f"the prompt is of type {type(prompt).__name__}; give a text or a conversation "
                "(Conversation.from_openai reads messages in OpenAI's form)"
            )
        asked = {"prompt": prompt} if isinstance(prompt, str) else {"conversation": prompt}
        request = Request(
            kind="chat", pictures=self._pictures(pictures, "pictures"), think=think, seed=seed, draws=draws,
            sampling=self._sampling(temperature=temperature, max_tokens=max_tokens), **asked,
        )  # fmt: skip
        events = list(self.generate(request))
        answer = Answer(
            text="".join(event.text for event in events if isinstance(event, TextDelta)),
            thinking="".join(event.text for event in events if isinstance(event, ThinkingDelta)),
            clips=tuple(self._finish(event, None) for event in events if isinstance(event, Clip)),
            calls=tuple(event for event in events if isinstance(event, ToolCall)),
            malformed=tuple(event for event in events if isinstance(event, Malformed)),
        )
        if answer.malformed:
            raise AnswerError(_complaint(answer), answer)
        return answer

    # -- what the model knows -----------------------------------------------------------------

    def known_colors(self) -> np.ndarray:
        """Return the colours of the training art, uint8 (N, 3)."""
        path = self.folder / "palette.json"
        if not path.is_file():
            raise CheckpointError(f"{self.folder} has no palette.json; use a number of colours instead of `known`")
        return np.array([[int(c[i : i + 2], 16) for i in (0, 2, 4)] for c in _read_list(path)], np.uint8)

    def unknown_words(self, prompt: str) -> list[str]:
        """Return the words of a prompt that the model has never seen in training."""
        path = self.folder / WORDS
        if not path.is_file():
            return []
        known = set(_read_list(path))
        return [w for w in dict.fromkeys(find_words(prompt)) if w not in known and not set(w.split("-")) <= known]

    # -- parts --------------------------------------------------------------------------------

    def _sampling(self, **changes: object) -> SamplingConfig:
        return self.engine.generation.sampling.replace(**changes)

    def _pictures(self, pictures: Pictures, name: str) -> list[np.ndarray]:
        """Return picture arguments as arrays of the model's frame size."""
        several: Any = [pictures] if media.is_picture(pictures) else pictures
        if not isinstance(several, Sequence):
            raise RequestError(f"{name} is of type {type(pictures).__name__}; give one picture or a list of pictures")
        side = self.engine.generation.frame_size
        numbered = len(several) > 1
        return [
            media.to_picture(picture, side, f"{name}[{number}]" if numbered else name)
            for number, picture in enumerate(several)
        ]

    def _check_palette(self, palette: Palette | None) -> None:
        """Refuse a palette that cannot work before anything is drawn."""
        if palette == "look" and not self.engine.generation.plan:
            raise RequestError("this model writes no looks to take colours from; use palette `known` or a number")
        if palette == "known":
            self.known_colors()
        elif isinstance(palette, str) and palette not in ("look", "none"):
            raise RequestError(f"palette is {palette!r}; use look, known, none or a number of colours")

    def _finish(self, clip: Clip, palette: Palette | None) -> Clip:
        """Return a clip in the colours of a palette, with the model's name."""
        clip = dataclasses.replace(clip, metadata=clip.metadata | {"model": self.folder.name})
        chosen = palette if palette is not None else "look" if clip.look else "none"
        if chosen == "look" and self.engine.looks is not None:
            colors = self.engine.looks.palette(self.engine.looks.parse(clip.look))
            return clip.with_colors(colors) if len(colors) else clip
        if chosen == "known":
            return clip.with_colors(self.known_colors())
        return clip.with_colors(chosen) if isinstance(chosen, int) else clip


def _complaint(answer: Answer) -> str:
    """Return what to say about an answer with tool calls that cannot be read."""
    problems = [
        (f"tool call {m.number}" + (f" ({m.name})" if m.name else "") + ": " if m.number else "") + m.problem
        for m in answer.malformed
    ]
    return f"{'; '.join(problems)}; what could be read, {len(answer.calls)} calls among it, is the error's `answer`"


def _read_list(path: pathlib.Path) -> list[str]:
    """Return the texts of a JSON list in a model folder."""
    if is_lfs_pointer(path):
        raise CheckpointError(lfs_message(path))
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{path} is not JSON ({error}); fetch it again") from error
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise CheckpointError(f"{path} is not a list of texts; fetch it again")
    return values


def load(name: str | pathlib.Path = SHIPPED, *, device: str = "auto", on_load: OnStep | None = None) -> Sancai:
    """Load the shipped model by name, or a model folder.

    Args:
        name: `tiny`, or the path of a model folder: Sancai's, DeepSeek-V4's or one that transformers saved.
        device: `auto`, `cpu`, or a chip or device type of this machine.
        on_load: called with the bytes read so far and the bytes of all, for models of several files.
    """
    folder = MODELS / name if str(name) == SHIPPED else pathlib.Path(name)
    if not folder.is_dir():
        raise CheckpointError(f"no model {str(name)!r}; use {SHIPPED!r} or the path of a model folder")
    platform = get_platform(device)
    generation, looks = load_generation(folder), load_looks(folder)
    total = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    room = device_memory(platform)
    on_bytes = (lambda done: on_load(done, total)) if on_load else no_progress
    model, tokenizer = open_model(folder, on_bytes, room[0] if room else None)
    return Sancai(Engine(model, tokenizer, platform, generation, looks), folder)
