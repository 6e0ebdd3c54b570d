"""Planning: the text half writes the look of what is asked for, before the visual half draws it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from sancai.engine.look import Look, LookVocabulary
from sancai.engine.look_grammar import LookGrammar, allowed_tokens
from sancai.engine.request import Request
from sancai.engine.runner import ModelRunner, text_tokens
from sancai.engine.token_sampler import sample_token
from sancai.sequence import Document
from sancai.tokenizer import Writer


@dataclass
class TokenCounts:
    """Tokens of one request so far."""

    prompt: int = 0
    text: int = 0
    visual: int = 0


@dataclass(frozen=True)
class Plan:
    """What the text half decided.

    look: what is to be drawn; None if it declines, and then `answer` says why.
    seen: the look of the picture that the request came with, if any.
    answer: what it says to the user; beside a look mostly nothing.
    """

    look: Look | None
    seen: Look | None = None
    answer: str = ""


class Continuation:
    """A document being continued token by token: cache, logits (1, V) of the next token, and random numbers."""

    def __init__(
        self, runner: ModelRunner, document: Document, temperature: float, generator: torch.Generator | None = None
    ) -> None:
        self.runner, self.temperature, self.generator = runner, temperature, generator
        self.cache, self.logits = runner.prefill([document])

    def sample(self, allowed: Collection[int] | None = None) -> int:
        """Return the next token without taking it up."""
        return sample_token(self.logits[0], self.temperature, self.generator, allowed)

    def accept(self, token: int) -> None:
        """Take a token up."""
        self.cache, self.logits = self.runner.decode(self.cache, [token])

    def choose_thinking(self) -> bool:
        """Let the model open its turn as is likeliest; return whether it thinks first."""
        tokenizer = self.runner.tokenizer
        token = sample_token(self.logits[0], 0.0, None, {tokenizer.think, tokenizer.end_think})
        self.accept(token)
        return token == tokenizer.think


class Planner:
    """Writes looks with a model that was taught to plan.

    The prompt is an ordinary chat with thinking, and the thinking is the look.  A model that decides itself whether to
    think (`think: auto`) declines by answering at once, another by thinking nothing; the answer tells the user why.
    """

    def __init__(self, runner: ModelRunner, vocabulary: LookVocabulary) -> None:
        self.runner, self.vocabulary = runner, vocabulary
        self._grammar = LookGrammar.build(vocabulary, runner.tokenizer.encode)

    def plan(self, request: Request, counts: TokenCounts) -> Plan:
        """Return the look of a request's prompt, or of its picture changed as the prompt asks."""
        sampling = request.sampling or self.runner.generation.sampling
        generator = torch.Generator().manual_seed(request.seed)
        seen, words = None, self.runner.generation.normalize_prompt(request.prompt)
        if request.pictures:
            seen = self.see(request.pictures, counts)
            words = self.runner.generation.change_prompt.format(look=seen.text, request=words)
        chooses, tokenizer = self.runner.generation.think == "auto", self.runner.tokenizer
        writer = Writer(tokenizer).user([words])
        document = (writer.turn() if chooses else writer.assistant(opens_thinking=True)).finish()
        counts.prompt += text_tokens(document)
        text = Continuation(self.runner, document, sampling.look_temperature, generator)
        tokens: list[int] = []
        if not chooses or text.choose_thinking():
            tokens = self._write_look(text, tokenizer.end_think, counts, may_be_empty=not chooses)
        answer = self._write_answer(text, sampling.max_tokens, counts)
        return Plan(self._parse(tokens) if tokens else None, seen, answer)

    def see(self, pictures: Sequence[np.ndarray], counts: TokenCounts) -> Look:
        """Return the likeliest look of a picture (H, W, 4) uint8: the model's answer to the question for it."""
        blocks = self.runner.picture_blocks(pictures)
        writer = Writer(self.runner.tokenizer).user([*blocks, self.runner.generation.see_prompt]).assistant()
        document = writer.finish()
        counts.prompt += text_tokens(document)
        text = Continuation(self.runner, document, temperature=0.0)
        return self._parse(self._write_look(text, self.runner.tokenizer.eos, counts))

    def _write_look(
        self, text: Continuation, end: int, counts: TokenCounts, *, may_be_empty: bool = False
    ) -> list[int]:
        """Return the tokens of a look; an empty one, by which the model declines, only where it may be."""
        tokens: list[int] = []
        while True:
            allowed = allowed_tokens(self._grammar, tokens, end)
            token = text.sample(allowed | {end} if may_be_empty and not tokens else allowed)
            text.accept(token)
            counts.text += 1
            if token == end:
                return tokens
            tokens.append(token)

    def _write_answer(self, text: Continuation, max_tokens: int, counts: TokenCounts) -> str:
        """Return the likeliest answer in words."""
        text.temperature, tokens = 0.0, list[int]()
        tokenizer = self.runner.tokenizer
        for _ in range(max_tokens):
            token = text.sample()
            counts.text += 1
            if token in (tokenizer.eos, tokenizer.visual):
                break
            tokens.append(token)
            text.accept(token)
        return tokenizer.decode(tokens).strip()

    def _parse(self, tokens: Sequence[int]) -> Look:
        return self.vocabulary.parse(self.runner.tokenizer.decode(tokens))
