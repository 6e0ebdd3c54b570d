"""The shape of one forward pass, and the sizes of the numbers that it moves."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Workload:
    """The shape of one forward pass.

    batch: number of rows; all other numbers are per row.
    text, committed, noisy: new tokens of text, of clean blocks and of noisy blocks.
    context: tokens in the KV cache.
    frame_tokens: tokens of one frame.
    scored: text positions with logits.
    """

    batch: int = 1
    text: int = 0
    committed: int = 0
    noisy: int = 0
    context: int = 0
    frame_tokens: int = 1
    scored: int = 0
    with_mtp: bool = False
    keeps_cache: bool = False

    @property
    def new(self) -> int:
        """New tokens that enter the KV cache."""
        return self.text + self.committed


@dataclass(frozen=True, kw_only=True)
class ElementBytes:
    """Bytes per element: of the compute dtype, of stored matrices, and of stored experts."""

    math: float = 2.0
    weights: float = 2.0
    experts: float = 2.0
