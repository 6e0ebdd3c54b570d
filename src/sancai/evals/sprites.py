"""Exact scores of a sprite or clip, without a trained judge.

The art can draw every alternative of an attribute, so the score asks: among the renders that differ
from the request in this one attribute, which is closest to the picture?  The attribute counts as right
if that is the requested one.  Distances are squared differences of premultiplied RGBA.
"""

import copy
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sancai.data.characters.library import Character, Library

LEAST_PIXELS = 6
SAME = 1e-6
MOST_RENDERS = 2000
NEAR = 8


@dataclass
class FrameScore:
    """iou of the silhouettes, psnr in dB, and for each visible attribute whether it is right."""

    iou: float
    psnr: float
    attributes: dict[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class ClipScore:
    """phase: share of frames in the right pose.  direction, action: recognised as requested.

    None where there is nothing to tell apart: an action of one pose, one side or no alternative.
    """

    phase: float | None
    direction: bool | None
    action: bool | None


class SpriteJudge:
    """Scores pictures against what was asked for."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._renders: dict[tuple[str, str, int], np.ndarray] = {}

    def frame(self, who: Character, direction: str, frame: int, picture: np.ndarray) -> FrameScore:
        """Score one picture (64, 64, 4) uint8."""
        truth = self.library.frame(who, direction, frame)
        seen = self.library.visible(who, direction, [frame])
        score = FrameScore(_iou(truth, picture), _psnr(truth, picture))
        drawn = premultiplied(picture)
        for name, wanted, candidates in self._questions(who, seen):
            answer = self._closest(wanted, candidates, direction, frame, drawn)
            if answer is not None:
                score.attributes[name] = answer
        if len(self.library.facings(who["action"])) > 1:
            score.attributes["direction"] = self._direction(who, direction, frame, drawn)
        return score

    def clip(self, who: Character, direction: str, clip: np.ndarray, order: Sequence[int] | None = None) -> ClipScore:
        """Score frames (F, 64, 64, 4) uint8.

        Args:
            order: the art's number of every frame; None means the eight of the pack's short clips.
        """
        order = self.library.animations[who["action"]]["clip"] if order is None else order
        drawn = [premultiplied(f) for f in clip]
        poses = {f: self._render(who, direction, f) for f in set(order)}
        hits = [_same_pose(poses, wanted, picture) for wanted, picture in zip(order, drawn, strict=True)]
        turns = {d: self._far(who, d, who["action"], drawn) for d in self.library.facings(who["action"])}
        actions = self.library.actions(who["species"], who["build"])
        acts = {a: self._far(who, direction, a, drawn) for a in actions if direction in self.library.facings(a)}
        return ClipScore(
            float(np.mean(hits)) if len(poses) > 1 else None,
            min(turns, key=turns.__getitem__) == direction if len(turns) > 1 else None,
            min(acts.values()) == acts[who["action"]] if len(acts) > 1 else None,
        )

    def _direction(self, who: Character, direction: str, frame: int, picture: np.ndarray) -> bool:
        facings = self.library.facings(who["action"])
        far = {d: distance(self._render(who, d, frame), picture) for d in facings}
        return far[direction] == min(far.values())

    def _far(self, who: Character, direction: str, action: str, pictures: Sequence[np.ndarray]) -> float:
        """Return how far a clip is from this character doing `action`: from its frames spread over the clip."""
        other, frames = dict(who, action=action), self._spread(action, len(pictures))
        renders = {f: self._render(other, direction, f) for f in set(frames)}
        return sum(distance(renders[f], p) for f, p in zip(frames, pictures, strict=True))

    def _spread(self, action: str, count: int) -> list[int]:
        """Return so many frames of an action: the pack's short clip, or all frames evenly over the time."""
        spec = self.library.animations[action]
        if count == len(spec["clip"]):
            return list(spec["clip"])
        return [n * int(spec["frames"]) // count for n in range(count)]

    def _render(self, who: Character, direction: str, frame: int) -> np.ndarray:
        """Return a render, kept while one character is being judged."""
        key = (json.dumps(who, sort_keys=True), direction, frame)
        if key not in self._renders:
            if len(self._renders) >= MOST_RENDERS:
                self._renders.clear()
            self._renders[key] = premultiplied(self.library.frame(who, direction, frame))
        return self._renders[key]

    def _closest(
        self,
        wanted: str | None,
        candidates: Mapping[str | None, Character],
        direction: str,
        frame: int,
        picture: np.ndarray,
    ) -> bool | None:
        """Return whether the requested value is the closest; None if no other value looks different."""
        truth = self._render(candidates[wanted], direction, frame)
        scores = {wanted: distance(truth, picture)}
        for value, who in candidates.items():
            render = self._render(who, direction, frame)
            if distance(render, truth) > 0:
                scores[value] = distance(render, picture)
        return min(scores, key=scores.__getitem__) == wanted if len(scores) > 1 else None

    def _questions(self, who: Character, seen: Mapping[str, int]) -> Iterable[tuple[Any, ...]]:
        """Yield (attribute, requested value, {value: character}) of what can be seen."""
        for slot in self.library.slots:
            if slot in who["items"] and seen[slot] >= LEAST_PIXELS:
                yield from self._slot_questions(who, slot)
        if seen["body"] < LEAST_PIXELS:
            return
        skins = self.library.species[who["species"]]["skins"]
        if who.get("skin"):
            yield "skin", who["skin"], {s: dict(who, skin=s) for s in skins}
        yield "species", who["species"], self._kin(who)

    def _slot_questions(self, who: Character, slot: str) -> Iterable[tuple[Any, ...]]:
        key, color = who["items"][slot]
        kinds: dict[str | None, Character] = {None: _with_item(who, slot, None)}
        for other in self.library.choices(slot, who["species"], who["build"], who["action"]):
            colors = self.library.items[other]["colors"]
            kinds[other] = _with_item(who, slot, [other, color if color in colors else min(colors, default=None)])
        yield slot, key, kinds
        colors = self.library.items[key]["colors"]
        if len(colors) > 1:
            yield f"{slot}_color", color, {c: _with_item(who, slot, [key, c]) for c in colors}

    def _kin(self, who: Character) -> dict[str, Character]:
        """Return the same character as every species that is drawn in this action."""
        kin = {}
        for name, spec in self.library.species.items():
            if who["action"] in spec["anims"].get(who["build"], ()):
                skins = spec["skins"]
                skin = who["skin"] if who.get("skin") in skins else min(skins, default=None)
                kin[name] = dict(who, species=name, skin=skin)
        return kin


def premultiplied(rgba: np.ndarray) -> np.ndarray:
    """Return RGBA as fp32 with colours times alpha."""
    wide = rgba.astype(np.float32)
    wide[..., :3] *= wide[..., 3:] / 255
    return wide


def crispness(frames: np.ndarray, colors: np.ndarray) -> float:
    """Return the share of visible pixels of frames (F, H, W, 4) that are within 8 of a colour of the art (N, 3).

    A pixel is near a colour if each of its three channels is.
    """
    pixels = np.unique(frames[frames[..., 3] > 127][:, :3], axis=0, return_counts=True)
    far = np.array([np.abs(colors.astype(np.int16) - p).max(1).min() for p in pixels[0].astype(np.int16)])
    return float((pixels[1] * (far <= NEAR)).sum() / max(pixels[1].sum(), 1))


def distance(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean squared difference."""
    return float(((first - second) ** 2).mean())


def _with_item(who: Character, slot: str, value: list[Any] | None) -> Character:
    other = copy.deepcopy(who)
    if value is None:
        other["items"].pop(slot, None)
    else:
        other["items"][slot] = value
    return other


def _iou(truth: np.ndarray, picture: np.ndarray) -> float:
    first, second = truth[..., 3] > 127, picture[..., 3] > 127
    return float((first & second).sum() / max((first | second).sum(), 1))


def _psnr(truth: np.ndarray, picture: np.ndarray) -> float:
    error = distance(premultiplied(truth), premultiplied(picture))
    return float(10 * np.log10(255**2 / max(error, 1e-3)))


def _same_pose(poses: Mapping[int, np.ndarray], wanted: int, picture: np.ndarray) -> bool:
    best = min(poses, key=lambda f: distance(poses[f], picture))
    return distance(poses[best], poses[wanted]) < SAME
