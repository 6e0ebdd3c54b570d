"""The front door: a request in, a stream of events out.

Pictures and film are made block by block: denoising passes read the cache and leave it as it is, one
commit pass writes the finished block into it.  Text is decoded token by token.
"""

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from sancai.codec import PixelCodec
from sancai.device.platform import Platform
from sancai.device.transfer import module_to_device, to_device
from sancai.engine.flow_sampler import FlowSettings, denoise
from sancai.engine.request import Clip, Event, Progress, Request, Usage
from sancai.engine.token_sampler import TextAssembler, choose
from sancai.errors import AnswerError, CapacityError, RequestError
from sancai.model import Cache, Transformer
from sancai.ops.selection import select_backends
from sancai.sequence import Block, Document, Text, pack
from sancai.tokenizer import AnswerParser, Tokenizer, Writer

MOST_PROMPT_TOKENS = 2048
FRAME_SIDE = 64


@dataclass
class _Counts:
    """Tokens of one request so far."""

    prompt: int = 0
    text: int = 0
    visual: int = 0


class Engine:
    """One model on one device."""

    def __init__(self, model: Transformer, tokenizer: Tokenizer, platform: Platform) -> None:
        self.model = prepare(model, platform)
        self.tokenizer, self.platform = tokenizer, platform

    @property
    def codec(self) -> PixelCodec | None:
        """What turns pictures into latents; None for a text model."""
        visual = self.model.config.visual
        return PixelCodec(visual.pixel_shuffle) if visual else None

    @torch.no_grad()
    def generate(self, request: Request) -> Iterator[Event]:
        """Yield the events of one request, `Usage` last."""
        started, counts = time.monotonic(), _Counts()
        yield from self._chat(request, counts) if request.kind == "chat" else self._draw(request, counts)
        yield Usage(counts.prompt, counts.text, counts.visual, time.monotonic() - started)

    # -- pictures and film --------------------------------------------------------------------

    def _draw(self, request: Request, counts: _Counts) -> Iterator[Event]:
        """Announce a block of frames and make it."""
        frames = 1 if request.kind == "image" else request.frames
        prompts = [request.prompt] if request.guidance == 1 else [request.prompt, ""]
        cache = self.prefill([self.drawing_prompt(p, request.pictures, frames) for p in prompts], counts)
        yield from self._film(cache, frames, request, counts)

    def _film(self, cache: Cache, frames: int, request: Request, counts: _Counts) -> Iterator[Event]:
        """Make frames block by block; each finished block enters the caches."""
        codec, most = self._codec(), self._block_frames()
        settings = FlowSettings(steps=request.steps, guidance=request.guidance)
        made: list[np.ndarray] = []
        for number, first in enumerate(range(0, frames, most)):
            count = min(most, frames - first)
            latents = yield from self._block(cache, count, settings, request.seed + number)
            counts.visual += latents[..., 0].size
            made.append(codec.decode(latents))
            if first + count < frames:
                block = Block(latents=latents, times=list(range(count)), committed=True)
                cache = self._append(cache, [block])
        yield Clip(np.concatenate(made))

    def _block(self, cache: Cache, count: int, settings: FlowSettings, seed: int) -> Generator[Event, None, np.ndarray]:
        """Denoise one block, telling each step; return its latents (F, Y, X, C)."""
        side = FRAME_SIDE // self._codec().side
        shape = (count, side, side, self._codec().channels)
        steps = denoise(self.model, cache, shape, range(count), settings, [seed], self._codec().bound)
        while True:
            try:
                yield Progress(next(steps), settings.steps)
            except StopIteration as finished:
                return finished.value[0]

    def drawing_prompt(self, prompt: str, pictures: Sequence[np.ndarray], frames: int) -> Document:
        """Return the document that asks for `frames` frames."""
        announced = min(frames, self._block_frames())
        return Writer(self.tokenizer).user([*self._blocks(pictures), prompt]).assistant().announce(announced).finish()

    # -- text ---------------------------------------------------------------------------------

    def _chat(self, request: Request, counts: _Counts) -> Iterator[Event]:
        """Answer in text, or draw where the model announces a block."""
        tok = self.tokenizer
        document, parser = self._question(request)
        cache, logits = self._prefill_with_logits([document], counts)
        generator = torch.Generator().manual_seed(request.seed)
        assembler = TextAssembler(tok.decode)
        for _ in range(request.max_tokens):
            token = choose(logits[0], request.temperature, generator)
            counts.text += 1
            if token in (tok.eos, tok.visual):
                break
            control = tok.control_of(token)
            if control is None:
                yield from parser.feed(assembler.add(token))
            else:
                yield from parser.feed(control)
                assembler = TextAssembler(tok.decode)
            cache, logits = self._decode(cache, [token])
        yield from parser.finish()
        if parser.stage == "calls":
            raise AnswerError("the answer ends in the middle of a tool call; raise max_tokens or ask again")
        if token == tok.visual:
            yield from self._announced(cache, request, counts)

    def _question(self, request: Request) -> tuple[Document, AnswerParser]:
        """Return what is asked, and what reads its answer."""
        talk = request.conversation
        if talk is not None:
            ids = self.tokenizer.encode_conversation(talk)
            return [Text(ids=ids)], AnswerParser.after(talk, is_spelled=False)
        writer = Writer(self.tokenizer).user([*self._blocks(request.pictures), request.prompt])
        document = writer.assistant(opens_thinking=request.think).finish()
        return document, AnswerParser(thinking=request.think, reads_calls=False, is_spelled=False)

    def _announced(self, cache: Cache, request: Request, counts: _Counts) -> Iterator[Event]:
        """Draw what the model itself announced: the number of frames is its next token."""
        cache, logits = self._decode(cache, [self.tokenizer.visual])
        word = self.tokenizer.decode([choose(logits[0], 0.0)])
        frames = int(word) if word.isdigit() and word != "0" else 1
        cache, _ = self._decode(cache, self.tokenizer.encode(str(frames)))
        yield from self._film(cache, frames, request, counts)

    def _decode(self, cache: Cache, tokens: list[int]) -> tuple[Cache, torch.Tensor]:
        output = self.model(pack([[[Text(ids=tokens)]]], cache.cursors), cache, keep=True)
        return output.cache, self.model.logits(output.hidden[:, -1])

    # -- caches -------------------------------------------------------------------------------

    def prefill(self, documents: Sequence[Document], counts: _Counts | None = None) -> Cache:
        """Return the cache of one document a row, segment by segment where rows allow it."""
        return self._prefill_with_logits(documents, counts)[0]

    def _prefill_with_logits(
        self, documents: Sequence[Document], counts: _Counts | None = None
    ) -> tuple[Cache, torch.Tensor]:
        self._check_length(documents)
        alone = len(documents) == 1
        groups = [[[segment]] for segment in documents[0]] if alone else [list(documents)]
        cache = Cache.empty(self.model.config, len(documents))
        vocabulary, device = self.model.config.vocab_size, self.model.device
        logits = torch.zeros(len(documents), vocabulary, device=device, dtype=torch.float32)
        for rows in groups:
            packed = pack([[row] for row in rows], cache.cursors)
            output = self.model(packed, cache, keep=True)
            cache = output.cache
            if output.hidden is not None:
                logits = self.model.logits(last_real(output.hidden, packed.text.is_real))
            if counts is not None:
                counts.prompt += int(packed.text.is_real[0].sum())
        return cache, logits

    def _append(self, cache: Cache, segments: Document) -> Cache:
        return self.model(pack([[segments]] * cache.batch, cache.cursors), cache, keep=True).cache

    def _check_length(self, documents: Sequence[Document]) -> None:
        for document in documents:
            length = sum(len(s.ids) for s in document if isinstance(s, Text))
            if length > MOST_PROMPT_TOKENS:
                raise CapacityError(f"the prompt has {length} tokens, at most {MOST_PROMPT_TOKENS} fit; shorten it")

    # -- parts --------------------------------------------------------------------------------

    def _blocks(self, pictures: Sequence[np.ndarray]) -> list[Block]:
        """Return pictures as committed blocks."""
        blocks = []
        for picture in pictures:
            if picture.shape != (FRAME_SIDE, FRAME_SIDE, 4):
                raise RequestError(
                    f"a picture has shape {picture.shape}; this model reads {FRAME_SIDE}×{FRAME_SIDE} RGBA pictures"
                )
            blocks.append(Block(latents=self._codec().encode(picture[None]), times=[0], committed=True))
        return blocks

    def _codec(self) -> PixelCodec:
        if self.codec is None:
            raise RequestError("this model reads and writes text only; load one with a visual half to draw")
        return self.codec

    def _block_frames(self) -> int:
        visual = self.model.config.visual
        return visual.block_frames if visual else 1


def last_real(hidden: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Return the last real column (B, D) of hidden (B, T, D)."""
    last = to_device(real.long().cumsum(1).argmax(1), hidden.device)
    return hidden[torch.arange(len(hidden), device=hidden.device, dtype=torch.int64), last]


def prepare(model: Transformer, platform: Platform) -> Transformer:
    """Place a model for inference, and choose its kernels."""
    module_to_device(model, platform.device)
    model.eval().requires_grad_(False)
    model.compute_dtype = platform.dtype
    select_backends(platform.device, platform.dtype)
    return model
