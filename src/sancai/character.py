"""A whole game character: one look, every action in every direction, a card, and files that engines import.

All clips share the look and the seed, so that they show the same person.  A folder of an unfinished character is
continued: clips of the same look, seed and settings are not drawn again.
"""

import dataclasses
import json
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from sancai import media
from sancai.checkpoint import SamplingConfig
from sancai.engine import FPS, Clip, Engine, Look, Request, write_card
from sancai.errors import DeclinedError, MediaError, RequestError

PORTRAIT_SCALE = 4
FILE = "character.json"
STRIPS = "animations"
"""Folder of one strip a clip: all its frames in a row."""
Key = tuple[str, str]
"""Action and direction, as sheets call them: ("walk", "west")."""
Finish = Callable[[Clip], Clip]
OnProgress = Callable[[int, int], None]


@dataclasses.dataclass(frozen=True)
class CharacterPlan:
    """What is to be made.

    look: of the portrait; clips differ from it in action and facing only.
    card: name, title, background and stats.
    """

    prompt: str
    look: Look
    seed: int
    sampling: SamplingConfig
    card: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Character:
    """A finished character.  clips: by action and direction, in the order of the sheet."""

    plan: CharacterPlan
    clips: Mapping[Key, Clip]

    @property
    def look(self) -> str:
        return self.plan.look.text

    @property
    def card(self) -> Mapping[str, Any]:
        return self.plan.card

    @property
    def portrait(self) -> Clip:
        """The first frame of the clip that faces the viewer, enlarged; of the look's own action where there is one."""
        towards = [clip for (_, direction), clip in self.clips.items() if direction == "south"]
        rest = [*towards, *self.clips.values()]
        shown = next((clip for clip in towards if clip.look == self.look), rest[0])
        return dataclasses.replace(shown, frames=shown.frames[:1]).upscaled(PORTRAIT_SCALE)

    def sheet(self, fps: float = FPS) -> media.Sheet:
        """Return all clips on the universal LPC sheet."""
        return media.universal_sheet(
            {
                key: media.SheetClip("_".join(key), clip.frames, media.Playback(fps=fps, loop=clip.loops))
                for key, clip in self.clips.items()
            }
        )

    def description(self) -> dict[str, Any]:
        """Return what is written beside the pictures."""
        plan = self.plan
        return {
            **plan.card, "look": self.look, "prompt": plan.prompt, "seed": plan.seed,
            "sampling": dataclasses.asdict(plan.sampling),
            "animations": {"_".join(key): len(clip) for key, clip in self.clips.items()},
        }  # fmt: skip

    def save(self, folder: str | pathlib.Path, *, fps: float = FPS) -> list[pathlib.Path]:
        """Write portrait, sheet, card and the descriptions of Phaser, Godot, Unity and Aseprite; return the files."""
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        sheet, about = self.sheet(fps), json.dumps(self.description(), indent=2, ensure_ascii=False) + "\n"
        contents = {
            "portrait.png": self.portrait.encode(".png"),
            "sheet.png": media.png_bytes(sheet.pixels, about),
            "sheet.json": media.sheet_json(sheet, "sheet.png"),
            "sheet.tres": media.godot_resource(sheet, "sheet.png"),
            "sheet.png.meta": media.unity_meta(sheet, "sheet.png"),
            "character.aseprite": media.aseprite_bytes(sheet),
            FILE: about.encode(),
        }
        for name, content in contents.items():
            media.write_file(folder / name, content)
        return [folder / name for name in contents]


def plan_character(engine: Engine, prompt: str, look: str | None, seed: int, sampling: SamplingConfig) -> CharacterPlan:
    """Return the look and the card of a character.

    Raises:
        DeclinedError: the model will not draw this; the message is its answer.
        RequestError: this model writes no looks, or does not say how its sheets are made up.
    """
    if not engine.generation.plan or not _animations(engine):
        raise RequestError("this model cannot make whole characters: it draws from prompts, not from looks")
    plan = engine.plan(Request(kind="image", prompt=prompt, look=look, seed=seed, sampling=sampling))
    if plan.look is None:
        raise DeclinedError(plan.answer or "the model will not draw this and gives no reason")
    card = write_card(engine.runner, prompt or plan.look.text, plan.look.text, seed)
    return CharacterPlan(prompt, plan.look, seed, sampling, card)


def make_clips(
    engine: Engine,
    plan: CharacterPlan,
    finish: Finish,
    folder: pathlib.Path | None = None,
    actions: Sequence[str] | None = None,
    on_progress: OnProgress | None = None,
) -> dict[Key, Clip]:
    """Draw every action in every direction.

    Args:
        finish: brings a clip into its final colours.
        folder: where finished clips are kept, and found again.
        actions: names of sheets such as `walk`; None means all.
        on_progress: called with the clips done and all clips.

    Raises:
        RequestError: an unknown action.
        MediaError: the folder holds another character.
    """
    wanted = _wanted(engine, actions)
    clips = {key: clip for key in wanted if folder and (clip := _stored(folder, key, _request(engine, plan, key)))}
    for batch in _batches([key for key in wanted if key not in clips]):
        requests = [_request(engine, plan, key) for key in batch]
        if on_progress:
            on_progress(len(clips), len(wanted))
        for key, clip in zip(batch, engine.draw(requests), strict=True):
            assert clip is not None, "a request with a look is never declined"
            clips[key] = finish(clip)
            if folder:
                _store(folder, key, clips[key])
    if on_progress:
        on_progress(len(wanted), len(wanted))
    return {key: clips[key] for key in wanted}


def check_folder(folder: pathlib.Path, force: bool) -> None:
    """Refuse a folder that holds something else than a begun character.

    Raises:
        MediaError: it is not empty and may not be written to.
    """
    if folder.exists() and not folder.is_dir():
        raise MediaError(f"{folder} is a file; name a folder")
    if force or not folder.is_dir():
        return
    foreign = sorted(p.name for p in folder.iterdir() if p.name != STRIPS and p.name not in WRITTEN)
    if foreign:
        raise MediaError(f"{folder} holds other files ({', '.join(foreign[:3])}); name another folder or pass --force")


WRITTEN = (
    "portrait.png", "sheet.png", "sheet.json", "sheet.tres", "sheet.png.meta", "character.aseprite", FILE,
)  # fmt: skip


# --- which clips -----------------------------------------------------------------------------------


def _animations(engine: Engine) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return action name → its phrase in looks, and the directions in which it is drawn."""
    generation = engine.generation
    every = tuple(generation.facings)
    return {a.name: (phrase, a.directions or every) for phrase, a in generation.actions.items() if a.name and every}


def _wanted(engine: Engine, actions: Sequence[str] | None) -> list[Key]:
    known = _animations(engine)
    unknown = sorted(set(actions or ()) - known.keys())
    if unknown:
        raise RequestError(f"unknown actions {', '.join(unknown)}; this model knows {', '.join(sorted(known))}")
    order = [name for name in media.UNIVERSAL_ROWS if name in known and (actions is None or name in actions)]
    return [(name, d) for name in order for d in media.DIRECTIONS if d in known[name][1]]


def _batches(keys: Sequence[Key]) -> Iterator[list[Key]]:
    """Yield the directions of one action together: clips of equal length are drawn in one batch."""
    for action in dict.fromkeys(action for action, _ in keys):
        yield [key for key in keys if key[0] == action]


def _request(engine: Engine, plan: CharacterPlan, key: Key) -> Request:
    """Return the request of one clip."""
    action, direction = key
    phrase, _ = _animations(engine)[action]
    phrases = dict(plan.look.phrases) | {"action": phrase, "facing": engine.generation.facings[direction]}
    look = "; ".join(phrases.values())
    return Request(kind="video", prompt=plan.prompt, look=look, seed=plan.seed, sampling=plan.sampling)


# --- clips on the disk -----------------------------------------------------------------------------


def _strip(folder: pathlib.Path, key: Key) -> pathlib.Path:
    return folder / STRIPS / f"{'_'.join(key)}.png"


def _store(folder: pathlib.Path, key: Key, clip: Clip) -> None:
    """Write a clip as a strip of frames that says what made it."""
    path = _strip(folder, key)
    path.parent.mkdir(parents=True, exist_ok=True)
    row = np.concatenate(list(clip.frames), 1)
    about = {**clip.metadata, "look": clip.look, "action": clip.action, "loops": clip.loops}
    media.write_file(path, media.png_bytes(np.ascontiguousarray(row), json.dumps(about, ensure_ascii=False)))


def _stored(folder: pathlib.Path, key: Key, request: Request) -> Clip | None:
    """Return a clip that an earlier run finished, None if it is not there.

    Raises:
        MediaError: the strip is of another character.
    """
    path = _strip(folder, key)
    if not path.is_file():
        return None
    pixels, about = media.read_png(path)
    wanted = {"look": request.look, "seed": request.seed}
    if request.sampling is not None:
        wanted |= {n: getattr(request.sampling, n) for n in ("steps", "guidance", "sampler")}
    found = json.loads(about) if about else {}
    if any(found.get(name) != value for name, value in wanted.items()):
        raise MediaError(f"{path} was made from another look, seed or settings; name another folder or remove it")
    height, width = pixels.shape[:2]
    frames = np.stack(np.split(pixels, width // height, axis=1))
    rest = {name: value for name, value in found.items() if name not in ("action", "loops")}
    return Clip(frames, found["look"], rest, found["action"], found["loops"])
