"""`sancai eval characters`: every capability on held-out compositions, next to what real pictures score."""

import copy
import dataclasses
import random
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sancai import media
from sancai.api import Sancai
from sancai.data.arithmetic import addition
from sancai.data.characters.captions import DOING, caption
from sancai.data.characters.library import Character, Library
from sancai.data.characters.questions import Asker, other_actions
from sancai.data.characters.split import draw_character
from sancai.engine import Request, SamplingConfig
from sancai.engine.request import Kind
from sancai.evals.looks import LookSuite
from sancai.evals.sprites import SpriteJudge
from sancai.evals.tally import Table, Tally, add_frame

SEED = 20261124
BATCH = 16
Tell = Callable[[str], None]
Split = Literal["held-out", "validation"]


@dataclass(frozen=True)
class Case:
    """One composition and what is asked about it."""

    who: Character
    direction: str
    image_caption: str
    video_caption: str
    question_kind: str
    question: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class EvalConfig:
    """How much to score, and how to sample."""

    images: int = 512
    clips: int = 512
    reads: int = 512
    sums: int = 512
    sampling: SamplingConfig | None = None
    """None takes the model's own settings."""
    split: Split = "held-out"
    """held-out: compositions that training never saw; validation: what training may see, to choose settings by."""


def cases(library: Library, count: int, split: Split = "held-out") -> list[Case]:
    """Return the fixed list of compositions of a split; the lists of two splits have nothing in common."""
    held_out = split == "held-out"
    rng = random.Random(SEED if held_out else SEED + 100)
    found = []
    for _ in range(count):
        who, direction = draw_character(library, rng, held_out=held_out)
        clip = library.animations[who["action"]]["clip"]
        first, in_clip = (library.visible(who, direction, f) for f in (clip[:1], clip))
        kind, question, answer = _question(library, who, direction, first, rng)
        still = caption(library, who, direction, visible=first, video=False)
        film = caption(library, who, direction, visible=in_clip, video=True)
        found.append(Case(who, direction, still, film, kind, question, answer))
    return found


def _question(
    library: Library, who: Character, direction: str, visible: Mapping[str, int], rng: random.Random
) -> tuple[str, str, str]:
    """Return a question that the first frame answers: not what the character does where another action looks equal."""
    asker = Asker(library, who, direction, visible, rng)
    while True:
        kind, question, answer = asker.ask()
        if kind != "action" or is_telling(library, who, direction):
            return kind, question, answer


def is_telling(library: Library, who: Character, direction: str) -> bool:
    """Return whether the first frame of a character's action is in no other action of its body and clothes."""
    shown = library.frame(who, direction, library.animations[who["action"]]["clip"][0])
    for action in other_actions(library, who):
        if action != who["action"] and direction in library.facings(action):
            frames = set(library.animations[action]["clip"])
            if any(np.array_equal(library.frame(dict(who, action=action), direction, f), shown) for f in frames):
                return False
    return True


class CharacterSuite:
    """Scores one model on one library."""

    def __init__(self, model: Sancai, library: Library, config: EvalConfig, tell: Tell) -> None:
        self.model, self.library, self.config, self.tell = model, library, config, tell
        self.judge = SpriteJudge(library)
        most = max(config.images, config.clips, config.reads)
        self.cases = cases(library, most, config.split)

    def run(self) -> dict[str, Table]:
        """Return {suite: {what: {measure: score}}}."""
        c = self.config
        suites: dict[str, tuple[int, Callable[[], Table]]] = {
            "image": (c.images, self.images),
            "video": (c.clips, self.clips),
            "animate": (c.clips, self.animations),
            "read": (c.reads, self.reading),
            "arithmetic": (c.sums, self.arithmetic),
        }
        if self.model.engine.generation.plan:
            looks = LookSuite(self.model, self.library, c.sampling, c.split == "held-out", self.tell)
            del suites["image"], suites["video"], suites["animate"]
            suites = {
                "looks": (c.images, lambda: looks.pictures(c.images)),
                "short": (c.images, lambda: looks.short(c.images)),
                "film": (c.clips, lambda: looks.film(c.clips)),
            } | suites
        report = {}
        for name, suite in ((n, s) for n, (count, s) in suites.items() if count):
            self.tell(f"scoring {name} …")
            report[name] = suite()
        return report

    # -- pictures -----------------------------------------------------------------------------

    def images(self) -> Table:
        """Text → sprite."""
        todo = self.cases[: self.config.images]
        drawn = self._generate([(c.image_caption, ()) for c in todo], frames=1)
        return self._compare(todo, drawn, lambda c: self._truth(c)[:1], self._score_frame)

    def clips(self) -> Table:
        """Text → animation."""
        todo = self.cases[: self.config.clips]
        made = self._generate([(c.video_caption, ()) for c in todo], frames=8)
        return self._clip_table(todo, made)

    def animations(self) -> Table:
        """Picture → animation of a sprite seen only as pixels, in another action."""
        rng, todo, asked = random.Random(SEED + 1), [], []
        for case in self.cases[: self.config.clips]:
            found = other_actions(self.library, case.who)
            if self.library.animations[case.who["action"]]["dirs"] == 4 and found:
                after = copy.deepcopy(case.who)
                after["action"] = rng.choice(found)
                todo.append(Case(after, case.direction, "", "", "", "", ""))
                asked.append((DOING.get(after["action"], (after["action"],))[0], (self._truth(case)[0],)))
        return self._clip_table(todo, self._generate(asked, frames=8))

    def _clip_table(self, todo: Sequence[Case], made: Sequence[np.ndarray]) -> Table:
        return self._compare(todo, made, self._truth, self._score_clip)

    def _compare(
        self,
        todo: Sequence[Case],
        made: Sequence[np.ndarray],
        truth: Callable[[Case], np.ndarray],
        score: Callable[[Tally, Case, np.ndarray], None],
    ) -> Table:
        """Score what the model made beside the truth, a blurred truth and another character's truth."""
        table: dict[str, Tally] = defaultdict(Tally)
        for case, clip, other in zip(todo, made, _others(todo), strict=True):
            real = truth(case)
            shown = {
                "model": clip,
                "real": real,
                "blurred": np.stack([blur(f) for f in real]),
                "unrelated": truth(other),
            }
            for name, frames in shown.items():
                score(table[name], case, frames)
        return {name: tally.means() for name, tally in table.items()}

    def _score_frame(self, tally: Tally, case: Case, frames: np.ndarray) -> None:
        """Add the marks of a picture (1, 64, 64, 4)."""
        order = self.library.animations[case.who["action"]]["clip"]
        add_frame(tally, self.judge.frame(case.who, case.direction, order[0], frames[0]))
        poses = {f: self.library.frame(case.who, case.direction, f) for f in set(order)}
        if len(poses) > 1:
            tally.add("pose", _pose(poses, order[0], frames[0]))

    def _score_clip(self, tally: Tally, case: Case, clip: np.ndarray) -> None:
        """Add the marks of a clip (8, 64, 64, 4)."""
        score = self.judge.clip(case.who, case.direction, clip)
        for name, mark in (("frame_order", score.phase), ("direction", score.direction), ("action", score.action)):
            if mark is not None:
                tally.add(name, mark)
        order = self.library.animations[case.who["action"]]["clip"]
        for time in (0, 4):
            frame = self.judge.frame(case.who, case.direction, order[time], clip[time])
            for mark in frame.attributes.values():
                tally.add("identity", mark)

    def _truth(self, case: Case) -> np.ndarray:
        return self.library.clip(case.who, case.direction)

    def _generate(self, asked: Sequence[tuple[str, Sequence[np.ndarray]]], frames: int) -> list[np.ndarray]:
        """Return one clip (frames, 64, 64, 4) for each (prompt, pictures)."""
        out: list[np.ndarray] = []
        kind: Kind = "image" if frames == 1 else "video"
        size = BATCH if frames == 1 else BATCH // 4
        for start in range(0, len(asked), size):
            common = Request(kind=kind, frames=frames, sampling=self.config.sampling)
            requests = [
                dataclasses.replace(common, prompt=prompt, pictures=pictures, seed=SEED + start + n)
                for n, (prompt, pictures) in enumerate(asked[start : start + size])
            ]
            clips = self.model.engine.draw(requests)
            out += [self._nothing(frames) if clip is None else clip.frames for clip in clips]
            self.tell(f"  {min(start + size, len(asked))} of {len(asked)}")
        return out

    def _nothing(self, frames: int) -> np.ndarray:
        """Return what is scored where the model declined to draw: clear frames (F, H, W, 4)."""
        side = self.model.engine.generation.frame_size
        return np.zeros((frames, side, side, 4), np.uint8)

    # -- reading and sums ---------------------------------------------------------------------

    def reading(self) -> Table:
        """Questions and captions about a sprite seen only as pixels."""
        model, blind = Tally(), Tally()
        todo = self.cases[: self.config.reads]
        for number, (case, other) in enumerate(zip(todo, _others(todo), strict=True)):
            for tally, shown in ((model, case), (blind, other)):
                right = self._ask(shown, case.question) == case.answer
                tally.add("question", right)
                tally.add(f"question_{case.question_kind}", right)
                if number % 4 == 0:
                    answer = self._ask(shown, "describe the character.")
                    tally.add("caption_f1", chunk_f1(answer, case.image_caption))
        return {"model": model.means(), "unrelated": blind.means()}

    def _ask(self, shown: Case, question: str) -> str:
        return self.model.chat(question, pictures=[self._truth(shown)[0]], max_tokens=96).text.strip()

    def arithmetic(self) -> Table:
        """Two-digit additions, worked out and answered straight."""
        rng, tally = random.Random(SEED + 2), Tally()
        for _ in range(self.config.sums):
            item = addition(rng.randint(10, 99), rng.randint(10, 99))
            for name, think in (("worked_out", True), ("straight", False)):
                answer = self.model.chat(item.question, think=think, max_tokens=64).text.strip()
                tally.add(name, answer == item.answer)
        return {"model": tally.means()}


def blur(picture: np.ndarray) -> np.ndarray:
    """Return a picture blurred by a Gaussian of 2 pixels: right in the large, vague in detail."""
    return media.blur(picture, 2.0)


def chunk_f1(answer: str, truth: str) -> float:
    """Return the F1 of the facts in two captions (`red boots`, `facing left`)."""
    first, second = (
        {c.strip() for c in re.split(r",|\band\b|\bwith\b|\bwearing\b|\bholding\b", text) if c.strip()}
        for text in (answer, truth)
    )
    return 2 * len(first & second) / max(len(first) + len(second), 1)


def _pose(poses: dict[int, np.ndarray], wanted: int, picture: np.ndarray) -> bool:
    def far(frame: int) -> Any:
        return float(((poses[frame].astype(np.float32) - picture) ** 2).mean())

    best = min(poses, key=far)
    return bool((poses[best] == poses[wanted]).all())


def _others(todo: Sequence[Case]) -> list[Case]:
    """Return for every case another one, half the list away."""
    half = max(len(todo) // 2, 1)
    return [todo[(n + half) % len(todo)] for n in range(len(todo))]
