"""Denoising: blocks on their way from noise to clean latents, against a cache that stays as it is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sancai.checkpoint import SamplingConfig
from sancai.device.transfer import to_device, to_host
from sancai.flow import SamplerState, get_sampler, guide, timesteps
from sancai.model import Cache, Transformer
from sancai.sequence import empty_block, tokens_to_frames


@dataclass(frozen=True, kw_only=True)
class BlockPlan:
    """Which block is to be made.

    shape: (F, Y, X, C) of its latents.  times: time coordinate of each frame.
    bound: largest magnitude of clean latents, where their codec has one: guidance may not overshoot it.
    """

    shape: tuple[int, int, int, int]
    times: Sequence[float]
    bound: float | None = None


class Denoising:
    """One block a seed, denoised together, one step at a time.

    Args:
        cache: what the blocks read, left untouched.  Its first B rows hold the prompts; for guidance B further rows
            hold the same without the words, so that one pass serves both.
        seeds: one a block; the same seed gives the same noise whatever the batch.
    """

    def __init__(
        self, model: Transformer, cache: Cache, block: BlockPlan, sampling: SamplingConfig, seeds: Sequence[int]
    ) -> None:
        if cache.batch not in (len(seeds), 2 * len(seeds)):
            raise AssertionError(f"{cache.batch} cache rows for {len(seeds)} seeds; expected as many or twice as many")
        self.model, self.cache, self.block, self.sampling = model, cache, block, sampling
        self._is_guided = cache.batch == 2 * len(seeds)
        packed = empty_block(block.shape, list(block.times), cache.cursors)
        self._packed, self._metadata = packed.to(model.device), model.attention_metadata(packed, cache)
        shift = sampling.shift if block.shape[0] == 1 else sampling.clip_shift
        self._levels, self._sampler = timesteps(sampling.steps, shift), get_sampler(sampling.sampler)
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._state = SamplerState(self._draw_noise(), self._levels[0])
        self.steps_done = 0

    @property
    def is_done(self) -> bool:
        return self.steps_done == self.sampling.steps

    @torch.no_grad()
    def step(self) -> None:
        """Take the blocks to the next noise level."""
        following = self._levels[self.steps_done + 1]
        self._state = self._sampler(self._state, following, self._predict, self._draw_noise)
        self.steps_done += 1

    def latents(self) -> np.ndarray:
        """Return the latents as they stand, fp32 (B, F, Y, X, C)."""
        frames = tokens_to_frames(self._state.z, self.block.shape[1:3])
        return to_host(frames).numpy().reshape(-1, *self.block.shape)

    def _predict(self, z: Tensor, sigma: float) -> Tensor:
        """Return predicted clean latents (B, T, C), guided where the settings say so."""
        if not self._is_guided:
            return self._forward(z, sigma)
        conditional, unconditional = self._forward(torch.cat([z, z]), sigma).chunk(2)
        scale = self.sampling.guidance if sigma >= self.sampling.guided_above else 1.0
        guided, bound = guide(conditional, unconditional, scale), self.block.bound
        return guided if bound is None else guided.clamp(-bound, bound)

    def _forward(self, z: Tensor, sigma: float) -> Tensor:
        """Return what the network predicts for every cache row."""
        level = torch.full(z.shape[:2], sigma, dtype=torch.float32, device=z.device)
        packed = self._packed.with_latents(z, level)
        prediction = self.model(packed, self.cache, metadata=self._metadata).prediction
        if prediction is None:
            raise AssertionError("a pass over noisy blocks gave no prediction")
        return prediction

    def _draw_noise(self) -> Tensor:
        """Return the next noise (B, T, C) of every seed, made on the host so that every device starts alike."""
        frames, rows, columns, channels = self.block.shape
        size = (frames * rows * columns, channels)
        noise = [torch.randn(size, generator=g, device="cpu", dtype=torch.float32) for g in self._generators]
        return to_device(torch.stack(noise), self.model.device)
