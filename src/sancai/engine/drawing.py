"""Drawing: a batch of pictures or clips in the making, as state that advances one denoising step at a time."""

from collections.abc import Sequence

import numpy as np

from sancai.checkpoint import SamplingConfig
from sancai.engine.denoising import BlockPlan, Denoising
from sancai.engine.runner import ModelRunner
from sancai.model import Cache
from sancai.sequence import Block


class Drawing:
    """Clips of equal length, one a seed, made block by block; each finished block enters the cache.

    Args:
        cache: rows of prompts, and for guidance as many rows without their words (see `Denoising`).
    """

    def __init__(
        self, runner: ModelRunner, cache: Cache, frames: int, sampling: SamplingConfig, seeds: Sequence[int]
    ) -> None:
        self.runner, self.frames, self.sampling, self.seeds = runner, frames, sampling, seeds
        self._cache = cache
        self._made: list[np.ndarray] = []
        self._block = self._begin()

    @property
    def is_done(self) -> bool:
        return sum(block.shape[1] for block in self._made) == self.frames

    @property
    def steps(self) -> int:
        """Denoising steps of all blocks."""
        return self.sampling.steps * -(-self.frames // self.runner.block_frames)

    @property
    def steps_done(self) -> int:
        done = len(self._made) * self.sampling.steps
        return done if self.is_done else done + self._block.steps_done

    @property
    def visual_tokens(self) -> int:
        """Tokens of one finished clip."""
        _, rows, columns, _ = self._block.block.shape
        return self.frames * rows * columns

    def step(self) -> None:
        """Take one denoising step; commit a block that it finishes and begin the next."""
        self._block.step()
        if not self._block.is_done:
            return
        latents = self._block.latents()
        self._made.append(latents)
        if not self.is_done:
            times = self._block.block.times
            rows = [[Block(latents=clip, times=times, committed=True)] for clip in latents]
            self._cache = self.runner.append(self._cache, rows * (self._cache.batch // len(rows)))
            self._block = self._begin()

    def pictures(self) -> list[np.ndarray]:
        """Return the finished frames of every clip, uint8 RGBA (F, H, W, 4)."""
        codec = self.runner.codec
        return [np.concatenate([codec.decode(block[row]) for block in self._made]) for row in range(len(self.seeds))]

    def _begin(self) -> Denoising:
        """Return the next block, with noise of its own."""
        number = len(self._made)
        count = min(self.runner.block_frames, self.frames - number * self.runner.block_frames)
        plan = BlockPlan(shape=self.runner.latent_shape(count), times=list(range(count)), bound=self.runner.codec.bound)
        seeds = [seed + number for seed in self.seeds]
        return Denoising(self.runner.model, self._cache, plan, self.sampling, seeds)
