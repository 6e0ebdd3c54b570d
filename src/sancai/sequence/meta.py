"""Metadata of tokens and compressed entries: where each stands and what it may read."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

PADDING = -1
NEVER = -(2**30)


@dataclass(frozen=True)
class TokenMeta:
    """Metadata of tokens as int32 tensors (B, T), positions as fp32 (B, T, 3).

    document: -1 marks padding.
    segment: ordinal of the text run or block inside its document.
    offset: position inside the segment.
    index: position in the committed stream; NEVER for noisy tokens.
    causal_limit: this token reads committed tokens with index < causal_limit.
    copy_id: unique number of a block copy, 0 for text; equal copies read each other.
    block: ordinal of the block from 1, 0 for text.
    position: rotary coordinates (time, row, column).
    """

    document: Tensor
    segment: Tensor
    offset: Tensor
    index: Tensor
    causal_limit: Tensor
    copy_id: Tensor
    block: Tensor
    position: Tensor

    @property
    def shape(self) -> torch.Size:
        return self.document.shape

    @staticmethod
    def padding(batch: int, length: int) -> "TokenMeta":
        """Return `length` columns of padding."""
        padding_mark = torch.full((batch, length), PADDING, dtype=torch.int32, device="cpu")
        zero = torch.zeros_like(padding_mark)
        never = torch.full_like(padding_mark, NEVER)
        position = torch.zeros(batch, length, 3, dtype=torch.float32, device="cpu")
        return TokenMeta(padding_mark, zero, zero, never, zero, zero, zero, position)

    @staticmethod
    def cat(parts: list["TokenMeta"]) -> "TokenMeta":
        """Join along the token dimension."""
        return TokenMeta(*(torch.cat([getattr(p, f.name) for p in parts], 1) for f in fields(TokenMeta)))

    def take(self, columns: Tensor | slice) -> "TokenMeta":
        """Select columns, the same in every row."""
        return TokenMeta(*(getattr(self, f.name)[:, columns] for f in fields(TokenMeta)))

    def rows(self, part: slice) -> "TokenMeta":
        """Select rows."""
        return TokenMeta(*(getattr(self, f.name)[part] for f in fields(TokenMeta)))

    def repeat(self, times: int) -> "TokenMeta":
        """Repeat each row `times` times, rows of one source staying together."""
        return TokenMeta(*(getattr(self, f.name).repeat_interleave(times, 0) for f in fields(TokenMeta)))

    @property
    def is_real(self) -> Tensor:
        """Boolean (B, T): not padding."""
        return self.document != PADDING


@dataclass(frozen=True)
class EntryMeta:
    """Metadata of compressed entries as int32 tensors (B, M), positions as fp32 (B, M, 3).

    last: index of the last source token.  complete: 1 unless the window ran short of tokens.
    """

    document: Tensor
    segment: Tensor
    last: Tensor
    complete: Tensor
    position: Tensor

    @staticmethod
    def cat(parts: list["EntryMeta"]) -> "EntryMeta":
        """Join along the entry dimension."""
        return EntryMeta(*(torch.cat([getattr(p, f.name) for p in parts], 1) for f in fields(EntryMeta)))

    def take(self, columns: Tensor | slice) -> "EntryMeta":
        """Select columns, the same in every row."""
        return EntryMeta(*(getattr(self, f.name)[:, columns] for f in fields(EntryMeta)))

    def repeat(self, times: int) -> "EntryMeta":
        """Repeat each row `times` times, rows of one source staying together."""
        return EntryMeta(*(getattr(self, f.name).repeat_interleave(times, 0) for f in fields(EntryMeta)))
