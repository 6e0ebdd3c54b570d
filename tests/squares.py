"""A tiny picture data set that is not characters: coloured squares on a clear ground, with captions."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sancai.codec import PixelCodec
from sancai.data import DatasetConfig, Task
from sancai.sequence import Block, Document
from sancai.tokenizer import Tokenizer, Writer

COLORS = {"red": (200, 40, 40), "green": (40, 160, 60), "blue": (50, 80, 200)}
SIDES = {"left": 8, "right": 32}
SIZE = 24


def square(color: str, side: str) -> np.ndarray:
    """Return a picture (64, 64, 4), uint8."""
    picture = np.zeros((64, 64, 4), np.uint8)
    picture[20 : 20 + SIZE, SIDES[side] : SIDES[side] + SIZE] = (*COLORS[color], 255)
    return picture


@dataclass(frozen=True, kw_only=True)
class SquaresConfig(DatasetConfig):
    """Squares that are drawn, and squares that are named."""

    shift: float = 2.0

    @property
    def tasks(self) -> Mapping[str, Task]:
        return {"paint": Task(shift=self.shift), "name": Task(mtp=True)}

    def texts(self, rng: random.Random, count: int) -> list[str]:
        return [f"a {color} square on the {side}" for color in COLORS for side in SIDES] * 10

    def open(self, tokenizer: Tokenizer, codec: PixelCodec | None = None) -> "Squares":
        return Squares(tokenizer, codec or PixelCodec())


class Squares:
    """Documents about squares."""

    def __init__(self, tokenizer: Tokenizer, codec: PixelCodec) -> None:
        self.metadata = {"colors.json": lambda: sorted(COLORS)}
        self.tokenizer, self.codec = tokenizer, codec

    def documents(self, task: str, count: int, rng: random.Random, first: int = 0) -> list[Document]:
        make = {"paint": self.paint, "name": self.name}[task]
        return [make(rng.choice(list(COLORS)), rng.choice(list(SIDES))) for _ in range(count)]

    def paint(self, color: str, side: str) -> Document:
        writer = Writer(self.tokenizer).user([f"a {color} square on the {side}"]).assistant().announce(1)
        return writer.block(self._block(color, side, is_given=False)).finish()

    def name(self, color: str, side: str) -> Document:
        writer = Writer(self.tokenizer).user([self._block(color, side, is_given=True)]).assistant()
        return writer.answer(f"a {color} square on the {side}").finish()

    def _block(self, color: str, side: str, is_given: bool) -> Block:
        latents = self.codec.encode(square(color, side)[None])
        return Block(latents=latents, times=[0], committed=is_given, sigma=0.0 if is_given else 1.0)
