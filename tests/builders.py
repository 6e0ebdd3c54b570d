"""Builders that tests share: small configurations, models with every path open, documents, sessions."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sancai.model import Cache, ModelConfig, Output, Transformer, VisualConfig
from sancai.sequence import Block, PackedSequence, Segment, Text, pack

CHANNELS = 8
FRAME = (3, 3)


def visual_config(**changes: Any) -> VisualConfig:
    """Return a tiny visual half; channels fit 2×2 pixels of two channels."""
    return VisualConfig(**{"latent_channels": CHANNELS, "pixel_shuffle": 2, "n_routed_experts": 4} | changes)


def small_config(**changes: Any) -> ModelConfig:
    """Return a tiny decoder with every layer type; top-k and window are small enough to bite."""
    base: dict[str, Any] = {
        "vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 4, "compress_ratios": (0, 4, 8, 4, 0),
        "head_dim": 16, "q_lora_rank": 16, "o_lora_rank": 8, "sliding_window": 8, "index_topk": 3,
        "n_routed_experts": 4, "moe_intermediate_size": 16, "visual": visual_config(),
    }  # fmt: skip
    return ModelConfig(**base | changes)


def random_model(
    config: ModelConfig, seed: int = 0, dtype: torch.dtype = torch.float32, amount: float = 0.1
) -> Transformer:
    """Return a model whose every parameter and gate bias is disturbed, so that no path is closed."""
    model = Transformer(config, seed=seed)
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * amount)
        for name, buffer in model.named_buffers():
            if name.endswith("gate.bias"):
                buffer.add_(torch.randn(buffer.shape, generator=generator) * 0.1)
    model = model.to(dtype).eval()
    model.compute_dtype = dtype
    return model


def text(rng: np.random.Generator, count: int, vocab: int = 64) -> Text:
    """Return a run of random tokens."""
    return Text(ids=rng.integers(0, vocab, count).tolist())


def latents(rng: np.random.Generator, frames: int = 1, frame: tuple[int, int] = FRAME) -> np.ndarray:
    """Return random frames (F, Y, X, C)."""
    return rng.normal(size=(frames, *frame, CHANNELS)).astype(np.float32)


def clean(rng: np.random.Generator, frames: int = 1, frame: tuple[int, int] = FRAME) -> Block:
    """Return a committed block of random frames."""
    return Block(latents=latents(rng, frames, frame), times=range(frames), committed=True)


def noisy(rng: np.random.Generator, frames: int = 1, sigma: float = 0.6, frame: tuple[int, int] = FRAME) -> Block:
    """Return a noisy block of random frames."""
    return Block(latents=latents(rng, frames, frame), times=range(frames), sigma=sigma)


def replaced(block: Block, rng: np.random.Generator) -> Block:
    """Return the block with other contents."""
    return dataclasses.replace(block, latents=rng.normal(size=block.latents.shape).astype(np.float32))


def pack_ids(ids: Tensor, cache: Cache | None = None) -> PackedSequence:
    """Pack rows of token ids (B, T), continuing a cache if given."""
    return pack([[[Text(ids=row.tolist())]] for row in ids], cache.cursors if cache else None)


def chunked_logits(model: Transformer, ids: Tensor, sizes: Sequence[int]) -> Tensor:
    """Return logits (B, T, V) from consecutive cached passes of the given sizes."""
    session, hidden = Session(model), []
    for chunk in ids.split(list(sizes), 1):
        out = session.step([[Text(ids=row.tolist())] for row in chunk])
        hidden.append(out.hidden)
    return model.logits(torch.cat(hidden, 1))


class Session:
    """A model and the cache of what it has read so far."""

    def __init__(self, model: Transformer, cache: Cache | None = None) -> None:
        self.model, self.cache = model, cache

    def step(self, rows: Sequence[Sequence[Segment]], *, keep: bool = True) -> Output:
        """Read one document part a row; without `keep` the cache stays as it is."""
        packed = pack([[row] for row in rows], self.cache.cursors if self.cache else None)
        out = self.model(packed, self.cache, use_cache=keep)
        if keep:
            self.cache = out.cache
        return out


def replay(model: Transformer, document: Sequence[Segment], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Return text states and noisy predictions of a document read piece by piece through a cache."""
    session, hidden, predictions = Session(model), [], []
    for segment in document:
        if isinstance(segment, Text):
            for piece in pieces(segment, rng):
                hidden.append(session.step([[piece]]).hidden)
        elif segment.committed:
            session.step([[segment]])
        else:
            predictions.append(session.step([[segment]], keep=False).prediction)
    width = model.config.hidden_size
    empty = torch.zeros(1, 0, width), torch.zeros(1, 0, CHANNELS)
    return torch.cat(hidden, 1) if hidden else empty[0], torch.cat(predictions, 1) if predictions else empty[1]


def pieces(run: Text, rng: np.random.Generator) -> Iterator[Text]:
    """Cut a run into pieces of one to six tokens."""
    start = 0
    while start < len(run.ids):
        stop = start + int(rng.integers(1, 7))
        yield Text(ids=run.ids[start:stop])
        start = stop


def cache_tensors(cache: Cache) -> list[Tensor]:
    """Return every tensor a cache holds, contents and metadata."""
    found: list[Tensor] = []

    def walk(value: object) -> None:
        if isinstance(value, Tensor):
            found.append(value)
        elif dataclasses.is_dataclass(value):
            for field in dataclasses.fields(value):
                walk(getattr(value, field.name))
        elif isinstance(value, dict):
            for item in value.values():
                walk(item)
        elif isinstance(value, tuple):
            for item in value:
                walk(item)

    walk(cache)
    return found


def largest(difference: Tensor) -> float:
    """Return the largest absolute entry, 0 of an empty tensor."""
    return float(difference.detach().abs().max()) if difference.numel() else 0.0
