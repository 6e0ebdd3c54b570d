"""Scores of models that plan: pictures and clips of given looks, and of short prompts, before and after snapping.

    looks    held-out looks → pictures: which attributes are right
    film     held-out looks → clips of all frames of their actions
    short    short held-out prompts → planned looks → pictures: which named attributes are right, and whether the
             picture shows its own look

Every table compares what the network drew with the same snapped to the colours of its look, and with the real art.
"""

import dataclasses
import random
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from sancai.api import Sancai
from sancai.data.characters.library import Character, Library
from sancai.data.characters.look import Looks
from sancai.data.characters.prompts import Prompt, Prompter
from sancai.data.characters.split import attributes, draw_character
from sancai.data.characters.vocabulary import known_colors
from sancai.data.characters.wording import holds
from sancai.engine import Clip, Request, SamplingConfig
from sancai.evals.sprites import SpriteJudge, crispness
from sancai.evals.tally import Table, Tally, add_frame, tables

SEED = 20261126
PICTURES, CLIPS = 16, 4
"""How many are drawn in one batch."""
Log = Callable[[str], None]
Subject = tuple[Character, str]
"""A character and its direction."""


class LookSuite:
    """Scores one planning model on one library."""

    def __init__(
        self,
        model: Sancai,
        library: Library,
        sampling: SamplingConfig | None,
        held_out: bool,
        log: Callable[[str], None],
    ) -> None:
        self.model, self.library, self.sampling, self.log = model, library, sampling, log
        self.held_out, self.judge, self.looks = held_out, SpriteJudge(library), Looks(library)
        self.colors = np.array([[int(c[i : i + 2], 16) for i in (0, 2, 4)] for c in known_colors(library)], np.uint8)

    def pictures(self, count: int) -> Table:
        """Score the first frame of held-out looks."""
        subjects = self._subjects(count)
        clips = self._draw([self._request("image", who, facing) for who, facing in subjects], PICTURES)
        found: dict[str, Tally] = defaultdict(Tally)
        for (who, facing), clip in zip(subjects, clips, strict=True):
            for name, frames in self._versions(clip, who, facing, [0]).items():
                add_frame(found[name], self.judge.frame(who, facing, 0, frames[0]))
                found[name].add("crispness", crispness(frames, self.colors))
        return tables(found)

    def film(self, count: int) -> Table:
        """Score clips of held-out looks: all frames of their actions, in the art's own order."""
        subjects = self._subjects(count)
        clips = self._draw([self._request("video", who, facing) for who, facing in subjects], CLIPS)
        found: dict[str, Tally] = defaultdict(Tally)
        for (who, facing), clip in zip(subjects, clips, strict=True):
            order = list(range(self.library.animations[who["action"]]["frames"]))
            for name, frames in self._versions(clip, who, facing, order).items():
                self._score_clip(found[name], (who, facing), frames, order)
        return tables(found)

    def short(self, count: int) -> Table:
        """Score pictures of short prompts: what they name, and the look that the model planned."""
        rng, prompter = random.Random(SEED + 1), Prompter(self.library)
        prompts = [prompter.draw(rng, held_out=self.held_out, style="short") for _ in range(count)]
        clips = self._draw([Request(kind="image", prompt=p.text, sampling=self.sampling) for p in prompts], PICTURES)
        found: dict[str, Tally] = defaultdict(Tally)
        for prompt, clip in zip(prompts, clips, strict=True):
            found["network"].add("declined", clip is None)
            if clip is not None:
                self._score_prompt(found, prompt, clip)
        return tables(found)

    # -- parts --------------------------------------------------------------------------------

    def _subjects(self, count: int) -> list[Subject]:
        rng = random.Random(SEED)
        return [draw_character(self.library, rng, held_out=self.held_out) for _ in range(count)]

    def _request(self, kind: str, who: Character, facing: str) -> Request:
        look = str(self.looks.of(who, facing))
        return Request(kind="image" if kind == "image" else "video", look=look, sampling=self.sampling)

    def _draw(self, requests: Sequence[Request], size: int) -> list[Clip | None]:
        """Return the clips of requests, each with a seed of its own."""
        clips: list[Clip | None] = []
        for start in range(0, len(requests), size):
            part = requests[start : start + size]
            clips += self.model.engine.draw(
                [dataclasses.replace(request, seed=SEED + start + n) for n, request in enumerate(part)]
            )
            self.log(f"  {len(clips)} of {len(requests)}")
        return clips

    def _versions(self, clip: Clip | None, who: Character, facing: str, order: Sequence[int]) -> dict[str, np.ndarray]:
        """Return the frames (F, H, W, 4) of the network, snapped, and of the art."""
        assert clip is not None, "a request with a look is never declined"
        real = np.stack([self.library.frame(who, facing, frame) for frame in order])
        return {"network": clip.frames, "snapped": self._snapped(clip).frames, "real": real}

    def _snapped(self, clip: Clip) -> Clip:
        vocabulary = self.model.engine.looks
        assert vocabulary is not None, "a planning model has a vocabulary of looks"
        colors = vocabulary.palette(vocabulary.parse(clip.look))
        return clip.with_colors(colors) if len(colors) else clip

    def _score_clip(self, tally: Tally, subject: Subject, frames: np.ndarray, order: Sequence[int]) -> None:
        score = self.judge.clip(*subject, frames, order)
        for name, mark in (("frame_order", score.phase), ("direction", score.direction), ("action", score.action)):
            if mark is not None:
                tally.add(name, mark)
        for frame in (0, len(order) // 2):
            for right in self.judge.frame(*subject, order[frame], frames[frame]).attributes.values():
                tally.add("identity", right)

    def _score_prompt(self, found: dict[str, Tally], prompt: Prompt, clip: Clip) -> None:
        """Add the marks of a picture of a prompt."""
        who, facing = self.looks.character(self.looks.parse(clip.look))
        planned = holds(prompt.named, {**attributes(self.library, who, facing), "eyes": who["eyes"]})
        for name, frames in (("network", clip.frames), ("snapped", self._snapped(clip).frames)):
            shown = self.judge.frame(who, facing, 0, frames[0]).attributes
            for attribute, is_planned in planned.items():
                found[name].add("named, planned", is_planned)
                found[name].add("named, drawn", is_planned and shown.get(attribute, True))
            for right in shown.values():
                found[name].add("own look", right)
            found[name].add("crispness", crispness(frames, self.colors))
