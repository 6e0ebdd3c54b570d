"""The Python face: load a model, draw, film, chat."""

import dataclasses
import json
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from sancai import media
from sancai.checkpoint import no_progress, open_model
from sancai.device.platform import get_platform
from sancai.engine import Call, Clip, Engine, Event, Progress, Request, TextDelta, ThinkingDelta
from sancai.errors import CheckpointError, MediaError, RequestError
from sancai.tokenizer import Conversation, find_words

MODELS = pathlib.Path(__file__).parent / "models"
SHIPPED = "tiny"
WORDS = "words.json"
FPS = 8.0
Picture = str | pathlib.Path | np.ndarray
OnStep = Callable[[int, int], None]
LOOPING = ("walk", "run", "stand", "idle", "jump", "climb", "stance", "ready", "cheer", "wav", "sit")


@dataclasses.dataclass(frozen=True)
class Answer:
    """A text answer, its thinking, whatever the model drew, and the tools it calls."""

    text: str
    thinking: str = ""
    films: tuple["Film", ...] = ()
    calls: tuple[Call, ...] = ()


@dataclasses.dataclass(frozen=True)
class Film:
    """A clip of frames, uint8 RGBA (F, H, W, 4); a picture is a clip of one frame.

    parameters: what made it, written into PNG files.
    """

    frames: np.ndarray
    parameters: dict[str, Any] = dataclasses.field(default_factory=dict)

    def enlarged(self, scale: int) -> "Film":
        """Return the film with every pixel as a square of scale × scale."""
        if not 1 <= scale <= 32:
            raise RequestError(f"scale is {scale}; choose 1 to 32")
        return dataclasses.replace(self, frames=media.enlarge(self.frames, scale))

    def with_colors(self, colors: np.ndarray | int) -> "Film":
        """Return the film in these colours (N, 3), or in so many of its own."""
        reduced = media.reduce(self.frames, colors) if isinstance(colors, int) else media.snap(self.frames, colors)
        return dataclasses.replace(self, frames=reduced)

    def save(self, path: str | pathlib.Path, *, force: bool = True, fps: float = FPS) -> pathlib.Path:
        """Write PNG (one frame), GIF, WebP, APNG or MP4, by the suffix of `path`."""
        path = pathlib.Path(path)
        media.check_writable(path, force)
        media.write_file(path, self.encode(path.suffix.lower(), fps))
        return path

    def encode(self, suffix: str, fps: float = FPS) -> bytes:
        """Return the bytes of a file with this suffix."""
        playback = self._playback(fps, suffix)
        if len(self.frames) == 1 and suffix == ".png":
            return media.png_bytes(self.frames[0], playback.parameters)
        return media.animation_bytes(self.frames, suffix, playback)

    def _playback(self, fps: float, suffix: str) -> media.Playback:
        loops = any(word in str(self.parameters.get("prompt", "")).lower() for word in LOOPING)
        told = json.dumps(self.parameters, ensure_ascii=False) if self.parameters else None
        return media.Playback(fps=fps, loop=loops or suffix != ".mp4", parameters=told)

    def save_sheet(self, path: str | pathlib.Path, *, force: bool = True, fps: float = FPS) -> pathlib.Path:
        """Write a sprite sheet: all frames in a row as PNG, and a JSON beside it that engines import."""
        path = pathlib.Path(path)
        if path.suffix.lower() != ".png":
            raise MediaError(f"a sprite sheet is a PNG; {path.name} is not: name it {path.stem}.png")
        beside = path.with_suffix(".json")
        for target in (path, beside):
            media.check_writable(target, force)
        sheet, description = media.sheet_bytes(
            self.frames, path.name, str(self.parameters.get("prompt", path.stem)), self._playback(fps, ".png")
        )
        media.write_file(path, sheet)
        media.write_file(beside, description)
        return path


class Sancai:
    """A loaded model."""

    def __init__(self, engine: Engine, folder: pathlib.Path) -> None:
        self.engine, self.folder = engine, folder

    def generate(self, request: Request) -> Iterator[Event]:
        """Yield the typed events of one request."""
        return self.engine.generate(request)

    def image(self, prompt: str, *, on_step: OnStep | None = None, **options: Any) -> Film:
        """Draw one picture.  Options: seed, steps, guidance, pictures (to edit)."""
        return self._film("image", prompt, on_step, options)

    def video(
        self, prompt: str, *, start: Picture | None = None, on_step: OnStep | None = None, **options: Any
    ) -> Film:
        """Film a clip, of the character in the picture `start` if given.  Options: seed, steps, guidance, frames."""
        if start is not None:
            options["pictures"] = [start]
        return self._film("video", prompt, on_step, options)

    def chat(self, prompt: str | Conversation, *, pictures: Sequence[Picture] = (), **options: Any) -> Answer:
        """Answer a question, about pictures if given, or a conversation.

        Options: max_tokens, temperature, seed; with a question also think.
        """
        asked: Any = (
            {"prompt": self.as_taught(prompt)}
            if isinstance(prompt, str)
            else {"conversation": self._conversation(prompt)}
        )
        request = Request(kind="chat", pictures=self._pictures(pictures), **asked, **options)
        said = prompt if isinstance(prompt, str) else prompt.messages[-1].content
        events = list(self.generate(request))
        return Answer(
            text="".join(event.text for event in events if isinstance(event, TextDelta)),
            thinking="".join(event.text for event in events if isinstance(event, ThinkingDelta)),
            films=tuple(Film(event.frames, {"prompt": said}) for event in events if isinstance(event, Clip)),
            calls=tuple(event for event in events if isinstance(event, Call)),
        )

    def known_colors(self) -> np.ndarray:
        """Return the colours of the training art, uint8 (N, 3)."""
        path = self.folder / "palette.json"
        if not path.is_file():
            raise CheckpointError(f"{self.folder} has no palette.json; use a number of colours instead of `known`")
        return np.array([[int(c[i : i + 2], 16) for i in (0, 2, 4)] for c in json.loads(path.read_text())], np.uint8)

    def unknown_words(self, prompt: str) -> list[str]:
        """Return the words of a prompt that the model has never seen in training."""
        path = self.folder / WORDS
        if not path.is_file():
            return []
        known = set(json.loads(path.read_text(encoding="utf-8")))
        return [w for w in dict.fromkeys(find_words(prompt)) if w not in known and not set(w.split("-")) <= known]

    def _film(self, kind: Any, prompt: str, on_step: OnStep | None, options: dict[str, Any]) -> Film:
        options = dict(options, pictures=self._pictures(options.get("pictures", ())))
        request = Request(kind=kind, prompt=self.as_taught(prompt), **options)
        told = {n: getattr(request, n) for n in ("kind", "seed", "steps", "guidance")}
        for event in self.generate(request):
            if isinstance(event, Progress) and on_step:
                on_step(event.step, event.steps)
            elif isinstance(event, Clip):
                return Film(event.frames, {"prompt": prompt, **told, "model": self.folder.name})
        raise AssertionError("a drawing request ended without a clip")

    def as_taught(self, text: str) -> str:
        """Return a prompt as the model was taught: one that lists its words knows them in lower case only."""
        return text.strip().lower() if (self.folder / WORDS).is_file() else text.strip()

    def _conversation(self, talk: Conversation) -> Conversation:
        """Return a conversation as the model was taught: one that lists its words was taught no efforts either."""
        if not (self.folder / WORDS).is_file():
            return talk
        messages = [dataclasses.replace(m, content=self.as_taught(m.content)) for m in talk.messages]
        return dataclasses.replace(talk, messages=messages, effort=talk.effort or "low")

    def _pictures(self, pictures: Sequence[Picture]) -> list[np.ndarray]:
        return [p if isinstance(p, np.ndarray) else media.read_picture(p) for p in pictures]


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
    total = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    model, tokenizer = open_model(folder, (lambda done: on_load(done, total)) if on_load else no_progress)
    return Sancai(Engine(model, tokenizer, get_platform(device)), folder)
