"""Marks under names, and the tables that are made of their means."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from sancai.evals.sprites import FrameScore

GARMENTS = ("hat", "top", "bottom", "shoes", "gloves", "cape", "shoulders", "belt")
Table = dict[str, dict[str, float]]


@dataclass
class Tally:
    """Means of named marks."""

    marks: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, name: str, mark: float) -> None:
        """Note one mark."""
        self.marks[name].append(float(mark))

    def means(self) -> dict[str, float]:
        """Return the mean of every name."""
        return {n: round(float(np.mean(m)), 4) for n, m in sorted(self.marks.items())}


def tables(tallies: Mapping[str, Tally]) -> Table:
    """Return the means of every tally."""
    return {name: tally.means() for name, tally in tallies.items()}


def add_frame(tally: Tally, score: FrameScore) -> None:
    """Add a frame's marks, by attribute and by group."""
    tally.add("iou", score.iou)
    tally.add("psnr", score.psnr)
    for name, mark in score.attributes.items():
        tally.add(name, mark)
        tally.add("attributes", mark)
        if name in GARMENTS:
            tally.add("garment", mark)
        elif name.endswith("_color"):
            tally.add("color", mark)
