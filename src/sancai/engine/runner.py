"""ModelRunner: one model on one device behind the calls that requests are made of: prefill, decode, append."""

from collections.abc import Sequence

import numpy as np
import torch

from sancai.checkpoint import GenerationConfig
from sancai.codec import PixelCodec
from sancai.device.transfer import to_device
from sancai.errors import CapacityError, ConfigError, RequestError
from sancai.model import Cache, Transformer
from sancai.sequence import Block, Document, Text, pack
from sancai.tokenizer import Tokenizer


class ModelRunner:
    """The model, its tokenizer and its codec."""

    def __init__(self, model: Transformer, tokenizer: Tokenizer, generation: GenerationConfig) -> None:
        self.model, self.tokenizer, self.generation = model, tokenizer, generation
        visual = model.config.visual
        self._codec = PixelCodec(visual.pixel_shuffle) if visual else None
        self.block_frames = generation.block_frames or (visual.block_frames if visual else 1)
        self.max_frames = generation.max_frames or self.block_frames

    @property
    def codec(self) -> PixelCodec:
        """What turns pictures into latents.

        Raises:
            RequestError: the model reads and writes text only.
            ConfigError: the model's latents are not those of pixels.
        """
        visual = self.model.config.visual
        if self._codec is None or visual is None:
            raise RequestError("this model reads and writes text only; load one with a visual half to draw")
        if self._codec.channels != visual.latent_channels:
            raise ConfigError(
                f"this model has {visual.latent_channels} latent channels; patches of {visual.pixel_shuffle}×"
                f"{visual.pixel_shuffle} RGBA pixels have {self._codec.channels}: it needs a codec that is not here"
            )
        return self._codec

    def latent_shape(self, frames: int) -> tuple[int, int, int, int]:
        """Return the shape (F, Y, X, C) of the latents of so many frames."""
        codec = self.codec
        if self.generation.frame_size % codec.side:
            raise ConfigError(
                f"frame_size is {self.generation.frame_size}; it must be a multiple of the patch side {codec.side}"
            )
        side = self.generation.frame_size // codec.side
        return frames, side, side, codec.channels

    def picture_blocks(self, pictures: Sequence[np.ndarray]) -> list[Block]:
        """Return pictures (H, W, 4) uint8 as committed blocks."""
        side = self.generation.frame_size
        for picture in pictures:
            if picture.shape != (side, side, 4) or picture.dtype != np.uint8:
                raise RequestError(
                    f"a picture has shape {picture.shape} and type {picture.dtype}; "
                    f"this model reads {side}×{side} RGBA pictures of uint8"
                )
        return [Block(latents=self.codec.encode(p[None]), times=[0], committed=True) for p in pictures]

    # -- passes -------------------------------------------------------------------------------

    @torch.no_grad()
    def prefill(self, documents: Sequence[Document]) -> tuple[Cache, torch.Tensor]:
        """Return the cache of one document a row, and the logits (B, V) of each row's next token.

        Raises:
            CapacityError: a document is longer than the model's context.
        """
        self._check_length(documents)
        alone = len(documents) == 1
        groups = [[[segment]] for segment in documents[0]] if alone else [list(documents)]
        cache = Cache.empty(self.model.config, len(documents))
        vocabulary, device = self.model.config.vocab_size, self.model.device
        logits = torch.zeros(len(documents), vocabulary, device=device, dtype=torch.float32)
        for rows in groups:
            packed = pack([[row] for row in rows], cache.cursors)
            output = self.model(packed, cache, use_cache=True)
            cache = output.cache
            if output.hidden is not None:
                logits = self.model.logits(last_real(output.hidden, packed.text.is_real))
        return cache, logits

    @torch.no_grad()
    def decode(self, cache: Cache, tokens: Sequence[int]) -> tuple[Cache, torch.Tensor]:
        """Return the cache and the logits (1, V) after some more tokens of its only row."""
        output = self.model(pack([[[Text(ids=tokens)]]], cache.cursors), cache, use_cache=True)
        return output.cache, self.model.logits(output.hidden[:, -1])

    @torch.no_grad()
    def append(self, cache: Cache, segments: Sequence[Document]) -> Cache:
        """Return the cache after some more segments of each row."""
        return self.model(pack([[row] for row in segments], cache.cursors), cache, use_cache=True).cache

    def _check_length(self, documents: Sequence[Document]) -> None:
        most = self.model.config.max_position_embeddings
        for document in documents:
            length = sum(len(s.ids) if isinstance(s, Text) else s.num_tokens for s in document)
            if length > most:
                raise CapacityError(f"the prompt has {length} tokens; this model reads at most {most}: shorten it")


def text_tokens(document: Document) -> int:
    """Return how many tokens of text a document has."""
    return sum(len(s.ids) for s in document if isinstance(s, Text))


def last_real(hidden: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Return the last real column (B, D) of hidden (B, T, D)."""
    last = to_device(real.long().cumsum(1).argmax(1), hidden.device)
    return hidden[torch.arange(len(hidden), device=hidden.device, dtype=torch.int64), last]
