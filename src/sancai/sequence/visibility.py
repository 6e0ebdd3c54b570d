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
class Reach:
    """How far raw reading goes."""

    sliding_window: int
    local_blocks: int = 0
    """A block also reads so many blocks before it, raw and whole."""
    anchor_blocks: int = 0
    """A block also reads the first so many blocks of its document, raw and whole."""


def sees_tokens(query: TokenMeta, key: TokenMeta, reach: Reach) -> Tensor:
    """Return the boolean mask (B, Tq, Tk) of raw reading, True = may be read."""
    index, limit = key.index[:, None], query.limit[:, :, None]
    before = (index >= 0) & (index < limit)
    seen = before & (index >= limit - reach.sliding_window)
    own = (query.copy[:, :, None] == key.copy[:, None]) & (query.copy[:, :, None] > 0)
    seen = seen | own
    if reach.local_blocks or reach.anchor_blocks:
        seen = seen | (before & _whole_blocks(query, key, reach))
    return seen & _same_document(query.document, key.document)


def _whole_blocks(query: TokenMeta, key: TokenMeta, reach: Reach) -> Tensor:
    """Return which keys belong to blocks that the query's block reads whole."""
    mine, theirs = query.block[:, :, None], key.block[:, None]
    near = theirs >= mine - reach.local_blocks
    first = theirs <= reach.anchor_blocks
    return (mine > 0) & (theirs > 0) & (theirs < mine) & (near | first)


def sees_entries(query: TokenMeta, entry: EntryMeta) -> Tensor:
    """Return the boolean mask (B, Tq, E) of compressed reading."""
    below = entry.last[:, None] < query.limit[:, :, None]
    later = entry.segment[:, None] < query.segment[:, :, None]
    same = entry.segment[:, None] == query.segment[:, :, None]
    closed = (entry.complete[:, None] > 0) & same
    return below & (later | closed) & _same_document(query.document, entry.document)


def _same_document(query: Tensor, key: Tensor) -> Tensor:
    """Return (B, Tq, Tk): equal documents, neither of them padding."""
    return (query[:, :, None] == key[:, None]) & (key[:, None] >= 0)
