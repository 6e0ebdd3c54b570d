"""Denoising one block against read-only caches."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sancai.device.transfer import to_device, to_host
from sancai.flow import guide, solve_stepwise, timesteps
from sancai.model import Cache, Layout, Transformer
from sancai.sequence import Block, PackedSequence, pack, raster_order


@dataclass(frozen=True, kw_only=True)
class FlowSettings:
    """How a block is denoised."""

    steps: int = 12
    guidance: float = 4.0
    guided_above: float = 0.4
    """Noise level down to which guidance works; the last steps follow the words alone and keep colours true."""
    shift: float = 3.0
    """How far the steps of a picture lean towards noise."""
    clip_shift: float = 6.0
    """The same for clips."""


@torch.no_grad()
def denoise(
    model: Transformer,
    cache: Cache,
    shape: tuple[int, int, int, int],
    times: Sequence[float],
    settings: FlowSettings,
    seeds: Sequence[int],
    bound: float | None = None,
) -> Generator[int, None, np.ndarray]:
    """Yield the number of steps done; return clean latents (B, F, Y, X, C) of one block a seed.

    Args:
        cache: what the blocks read, left untouched.  Its first B rows hold the prompts; for guidance B
            further rows hold the same without the words, so that one pass serves both.
        shape: (F, Y, X, C) of a block.
        times: time coordinate of each frame.
        seeds: one a block; the same seed gives the same noise whatever the batch.
        bound: largest magnitude of clean latents, where their codec has one: guidance may not overshoot it.
    """
    frames, rows, columns, channels = shape
    count = len(seeds)
    is_guided = cache.batch == 2 * count
    if not is_guided and cache.batch != count:
        raise AssertionError(f"{cache.batch} cache rows for {count} seeds; expected {count} or {2 * count}")
    blank = Block(latents=np.zeros(shape, np.float32), times=list(times), sigma=1.0)
    packed = pack([[[blank]]] * cache.batch, cache.cursors)
    places, layout = packed.to(model.device), model.plan(packed, cache)
    noise = torch.stack([_noise(seed, frames * rows * columns, channels) for seed in seeds])

    def predict(z: Tensor, sigma: float) -> Tensor:
        if not is_guided:
            return _predict(model, places, cache, layout, z, sigma)
        with_words, without = _predict(model, places, cache, layout, torch.cat([z, z]), sigma).chunk(2)
        guided = guide(with_words, without, settings.guidance if sigma >= settings.guided_above else 1.0)
        return guided if bound is None else guided.clamp(-bound, bound)

    levels = timesteps(settings.steps, settings.shift if frames == 1 else settings.clip_shift)
    latents = yield from solve_stepwise(predict, to_device(noise, model.device), levels)
    flat = to_host(latents).numpy()
    order = raster_order(rows, columns)
    return flat.reshape(count, frames, rows * columns, channels)[:, :, order].reshape(-1, *shape)


def _predict(
    model: Transformer, places: PackedSequence, cache: Cache, layout: Layout, z: Tensor, sigma: float
) -> Tensor:
    """Return predicted clean latents (B, T, C)."""
    level = torch.full(z.shape[:2], sigma, dtype=torch.float32, device=z.device)
    prediction = model(places.with_latents(z, level), cache, layout=layout).prediction
    if prediction is None:
        raise AssertionError("a pass over noisy blocks gave no prediction")
    return prediction


def _noise(seed: int, tokens: int, channels: int) -> Tensor:
    """Return the noise of a seed, made on the host so that every device starts alike."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(tokens, channels, generator=generator, device="cpu", dtype=torch.float32)
