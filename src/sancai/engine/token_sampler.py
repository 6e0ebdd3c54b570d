"""Choosing the next token, and putting tokens together to text."""

from collections.abc import Callable, Collection

import torch
from torch import Tensor

from sancai.device.transfer import to_host


def sample_token(
    logits: Tensor,
    temperature: float,
    generator: torch.Generator | None = None,
    allowed: Collection[int] | None = None,
) -> int:
    """Return a token id from logits (V,): the likeliest at temperature 0, else a draw from the softmax.

    Args:
        allowed: if given, only these ids can be chosen; their relative probabilities stay the model's own.
    """
    if allowed is not None:
        ids = sorted(allowed)
        return ids[sample_token(to_host(logits.float())[ids], temperature, generator)]
    if temperature == 0:
        return int(to_host(logits.argmax()))
    weights = (to_host(logits.float()) / temperature).softmax(-1)
    return int(torch.multinomial(weights, 1, generator=generator))


class TextAssembler:
    """Turns ids into text pieces, holding back bytes that do not yet make a character."""

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        self._ids: list[int] = []
        self._sent = ""

    def add(self, token: int) -> str:
        """Return the new text that `token` completes, possibly empty."""
        self._ids.append(token)
        text = self._decode(self._ids)
        if text.endswith("\ufffd"):
            return ""
        new, self._sent = text[len(self._sent) :], text
        return new
