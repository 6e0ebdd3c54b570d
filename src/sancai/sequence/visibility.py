"""The one visibility rule: what each query may read, raw and compressed.

Text reads the last W committed tokens up to itself.  A block (its clean copy and its noisy copies
alike) reads the last W committed tokens before the block, its own copy in both directions, and, where
configured, whole earlier blocks raw.  Compressed entries are visible once their last source token lies
below the query's limit; an incomplete window only to later segments.
"""

from dataclasses import dataclass

from torch import Tensor

from sancai.sequence.meta import EntryMeta, TokenMeta


@dataclass(frozen=True, kw_only=True)
class VisibilityConfig:
    """Which raw keys a query may read."""

    sliding_window: int
    local_blocks: int = 0
    """A block also reads so many blocks before it, raw and whole."""
    anchor_blocks: int = 0
    """A block also reads the first so many blocks of its document, raw and whole."""


def sees_tokens(query: TokenMeta, key: TokenMeta, visibility: VisibilityConfig) -> Tensor:
    """Return the boolean mask (B, T, S) of raw reading, True = may be read."""
    index, limit = key.index[:, None], query.causal_limit[:, :, None]
    before = (index >= 0) & (index < limit)
    seen = before & (index >= limit - visibility.sliding_window)
    own = (query.copy_id[:, :, None] == key.copy_id[:, None]) & (query.copy_id[:, :, None] > 0)
    seen = seen | own
    if visibility.local_blocks or visibility.anchor_blocks:
        seen = seen | (before & _earlier_blocks(query, key, visibility))
    return seen & _same_document(query.document, key.document)


def _earlier_blocks(query: TokenMeta, key: TokenMeta, visibility: VisibilityConfig) -> Tensor:
    """Return which keys belong to blocks that the query's block reads whole."""
    mine, theirs = query.block[:, :, None], key.block[:, None]
    near = theirs >= mine - visibility.local_blocks
    first = theirs <= visibility.anchor_blocks
    return (mine > 0) & (theirs > 0) & (theirs < mine) & (near | first)


def sees_entries(query: TokenMeta, entry: EntryMeta) -> Tensor:
    """Return the boolean mask (B, T, M) of compressed reading: queries (B, T), entries (B, M)."""
    below = entry.last[:, None] < query.causal_limit[:, :, None]
    later = entry.segment[:, None] < query.segment[:, :, None]
    same = entry.segment[:, None] == query.segment[:, :, None]
    closed = (entry.complete[:, None] > 0) & same
    return below & (later | closed) & _same_document(query.document, entry.document)


def _same_document(query: Tensor, key: Tensor) -> Tensor:
    """Return (B, T, S): equal documents, neither of them padding."""
    return (query[:, :, None] == key[:, None]) & (key[:, None] >= 0)
