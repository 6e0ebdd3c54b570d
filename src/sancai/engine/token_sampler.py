"""Choosing the next token, and putting tokens together to text."""

import codecs
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
    """Turns ids into text pieces, holding back bytes that do not yet make a character.

    Each id is decoded once, so the work is linear in the number of ids.

    Args:
        token_bytes: what an id stands for.
    """

    def __init__(self, token_bytes: Callable[[int], bytes]) -> None:
        self._token_bytes = token_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, token: int) -> str:
        """Return the new text that `token` completes, possibly empty."""
        return self._decoder.decode(self._token_bytes(token))

    def finish(self) -> str:
        """Return what stands for a character that was begun and not completed; begin anew."""
        rest = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return rest
