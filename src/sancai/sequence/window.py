"""Compression windows: which tokens each compressed entry pools.

Windows restart at segment borders, so no entry mixes modalities, blocks or documents.  For one text
document this is DeepSeek-V4's own rule: window i holds tokens m·i … m·i + m − 1.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sancai.device.transfer import to_device
from sancai.sequence.meta import NEVER, PADDING, EntryMeta, TokenMeta


@dataclass(frozen=True)
class CompressionWindows:
    """Windows over the columns of one tensor of tokens.

    own, previous: (B, M, m) int64 columns; has_own, has_previous: (B, M, m) boolean.
    entries: metadata of the M entries of each row.
    """

    own: Tensor
    has_own: Tensor
    previous: Tensor
    has_previous: Tensor
    entries: EntryMeta

    @property
    def count(self) -> int:
        return self.own.shape[1]

    def to(self, device: torch.device) -> "CompressionWindows":
        """Move the gather tables."""
        tables = (self.own, self.has_own, self.previous, self.has_previous)
        own, has_own, previous, has_previous = (to_device(t, device) for t in tables)
        return CompressionWindows(own, has_own, previous, has_previous, self.entries)


def find_windows(tokens: TokenMeta, ratio: int, first_new: int, at_mean: bool) -> CompressionWindows:
    """Return the windows that hold at least one column from `first_new` on.

    Args:
        tokens: committed tokens (columns before `first_new` come from a cache's open windows).
        ratio: tokens a window (m).
        at_mean: entries stand at the mean position of their window (visual) or at its first token.
    """
    facts = {n: getattr(tokens, n).numpy() for n in ("document", "segment", "offset", "index")}
    place = tokens.position.numpy()
    rows = [_row_windows({n: f[b] for n, f in facts.items()}, ratio, first_new) for b in range(tokens.shape[0])]
    count = max(len(r) for r in rows)
    columns = np.full((len(rows), count, 2 * ratio), -1, np.int64)
    for number, row in enumerate(rows):
        for entry, (previous, own) in enumerate(row):
            columns[number, entry, : len(previous)] = previous
            columns[number, entry, ratio : ratio + len(own)] = own
    return _tables(columns, ratio, facts, place, at_mean)


def _row_windows(facts: dict[str, np.ndarray], ratio: int, first_new: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (previous columns, own columns) of each window of one row."""
    columns = np.flatnonzero((facts["document"] != PADDING) & (facts["index"] != NEVER))
    if not len(columns):
        return []
    document, segment = facts["document"][columns], facts["segment"][columns]
    window = facts["offset"][columns] // ratio
    change = (np.diff(document) != 0) | (np.diff(segment) != 0) | (np.diff(window) != 0)
    groups = np.split(columns, np.flatnonzero(change) + 1)
    out = []
    for number, own in enumerate(groups):
        if own[-1] < first_new:
            continue
        follows = facts["offset"][own[0]] >= ratio
        out.append((groups[number - 1] if follows and number else own[:0], own))
    return out


def _tables(
    columns: np.ndarray, ratio: int, facts: dict[str, np.ndarray], place: np.ndarray, at_mean: bool
) -> CompressionWindows:
    """Turn window columns (B, M, 2m), -1 where empty, into gather tables and metadata."""
    has, safe = columns >= 0, np.maximum(columns, 0)
    own, has_own = safe[:, :, ratio:], has[:, :, ratio:]
    row = np.arange(len(columns))[:, None]
    count = has_own.sum(-1)
    first = own[:, :, 0] if own.shape[1] else own.sum(-1)
    last = np.take_along_axis(own, np.maximum(count - 1, 0)[..., None], 2)[..., 0]
    if at_mean:
        weights = has_own[..., None] / np.maximum(count, 1)[..., None, None]
        position = (place[row[..., None], own] * weights).sum(2).astype(np.float32)
    else:
        position = place[row, first]
    exists = count > 0
    integers = (
        np.where(exists, facts["document"][row, first], PADDING),
        facts["segment"][row, first],
        facts["index"][row, last],
        count == ratio,
    )
    entries = EntryMeta(*[*(torch.from_numpy(a.astype(np.int32)) for a in integers), torch.from_numpy(position)])
    tables = (own, has_own, safe[:, :, :ratio], has[:, :, :ratio])
    mine, has_mine, previous, has_previous = (torch.from_numpy(np.ascontiguousarray(t)) for t in tables)
    return CompressionWindows(mine, has_mine, previous, has_previous, entries)
