"""Filling in a template: text whose fixed parts are given and whose gaps the model writes.

    CARD = ('{"name": "', Words(40), '", "strength": ', Number(20), "}")
    text = fill(continuation, CARD, tokenizer.decode)

A gap of words ends at a double quote and holds no quotes, braces or backslashes, so a template of JSON always gives
JSON.  The model's own distribution decides among the tokens that the template allows, wherever they begin and end.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from sancai.engine.planner import Continuation
from sancai.engine.token_sampler import sample_token
from sancai.errors import AnswerError

FORBIDDEN = frozenset('"\\{}\ufffd')
"""Characters that end a gap of words, besides those that cannot be printed."""


@dataclass(frozen=True)
class Words:
    """A gap of 1 to `longest` characters."""

    longest: int

    def end(self, text: str, start: int) -> int | None:
        """Return where the gap that begins at `start` ends, None if this text cannot be it."""
        end = next(
            (n for n in range(start, len(text)) if text[n] in FORBIDDEN or not text[n].isprintable()),
            max(start, len(text)),
        )
        is_closed = end < len(text)
        fits = end - start <= self.longest and (not is_closed or (text[end] == '"' and end > start))
        return end if fits else None


@dataclass(frozen=True)
class Number:
    """A gap of a whole number from 1 to `most`, without leading zeros."""

    most: int

    def end(self, text: str, start: int) -> int | None:
        """Return where the gap that begins at `start` ends, None if this text cannot be it."""
        end = next((n for n in range(start, len(text)) if not (text[n].isascii() and text[n].isdigit())), len(text))
        if end <= start:
            return start if start >= len(text) else None
        return end if text[start] != "0" and int(text[start:end]) <= self.most else None


Template = Sequence[str | Words | Number]


def fits(text: str, template: Template) -> bool:
    """Return whether a text is the beginning of a filled template, or all of it."""
    at = 0
    for part in template:
        if isinstance(part, str):
            given = text[at : at + len(part)]
            if not part.startswith(given):
                return False
            at += len(given)
        else:
            end = part.end(text, at)
            if end is None:
                return False
            at = end
        if at == len(text):
            return True
    return False


def is_filled(text: str, template: Template) -> bool:
    """Return whether a text that fits fills the template to its last character.  The last part must be a fixed one."""
    at = 0
    for part in template:
        if isinstance(part, str):
            at += len(part)
        else:
            end = part.end(text, at)
            at = len(text) + 1 if end is None else end
    return at == len(text)


def fill(continuation: Continuation, template: Template, decode: Callable[[list[int]], str]) -> str:
    """Return a filled template, each token drawn from those that fit.

    Raises:
        AnswerError: no token of the vocabulary fits.
    """
    tokens: list[int] = []
    while not is_filled(text := decode(tokens), template):
        logits = continuation.logits[0].clone()
        while True:
            if not torch.isfinite(logits).any():
                raise AnswerError(f"no token of this model can follow {text[-40:]!r}; its vocabulary lacks characters")
            token = sample_token(logits, continuation.temperature, continuation.generator)
            grown = decode([*tokens, token])
            if len(grown) > len(text) and fits(grown, template):
                break
            logits[token] = -torch.inf
        tokens.append(token)
        continuation.accept(token)
    return text
