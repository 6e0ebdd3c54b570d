"""Attention metadata of one forward pass: masks, rotary tables and compression windows, made once for all layers."""

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from sancai.device.transfer import to_device
from sancai.model.cache import Cache, drop_stale_entries
from sancai.model.config import ModelConfig
from sancai.ops.rope import angles, frequencies
from sancai.sequence import (
    CompressionWindows,
    EntryMeta,
    PackedSequence,
    TokenMeta,
    find_windows,
    sees_entries,
    sees_tokens,
)

Modality = Literal["text", "visual"]
Rope = tuple[Tensor, Tensor]
"""Cosines and sines of rotary positions."""


@dataclass(frozen=True)
class QueryGroup:
    """Queries that share one attention call: text, clean blocks, or noisy blocks.

    modality, columns: whose tokens, and which columns of that tensor.
    raw_mask: (B, T, S) boolean over raw keys.  entry_masks: (B, T, M) boolean over entries, by compression ratio.
    own_mask: (B·copies, n, n) boolean over the noisy tokens themselves, None for committed queries.
    copies: number of equally long noisy copies that are computed as rows of their own.
    max_raw: most raw keys that a query reads; None on a CPU, where no kernel needs to know.
    """

    modality: Modality
    columns: slice
    raw_mask: Tensor
    entry_masks: dict[int, Tensor]
    own_mask: Tensor | None = None
    copies: int = 1
    max_raw: int | None = None


@dataclass(frozen=True)
class NewEntries:
    """New windows of one modality, which a compressor pools, and the rotary tables (B, M, R/2) of their entries."""

    modality: Modality
    windows: CompressionWindows
    rope: Rope


@dataclass(frozen=True)
class AttentionMetadata:
    """All that attention needs besides contents.

    ropes: tables (B, T, 1, R/2) of the queries, by modality and by whether a layer compresses.
    new_entries: by compression ratio, text before visual.
    recency: (B, M) by compression ratio, index of each entry's last token.
    real: (B, T) boolean by modality, False = padding.
    raw, entries: metadata of all raw keys and, by ratio, of all entries, past and new.
    num_committed: visual columns that enter the memory; the rest are noisy.
    """

    groups: tuple[QueryGroup, ...]
    ropes: dict[tuple[str, bool], Rope]
    new_entries: dict[int, tuple[NewEntries, ...]]
    recency: dict[int, Tensor]
    real: dict[str, Tensor]
    raw: TokenMeta
    entries: dict[int, EntryMeta]
    num_committed: int

    def rope(self, modality: str, ratio: int) -> Rope:
        """Return cos and sin (B, T, 1, R/2) of a modality's tokens in a layer with this compression ratio."""
        compresses = ratio > 0
        return self.ropes[modality, compresses]

    def committed(self, modality: str) -> slice:
        """Return which columns of a modality's tokens enter the memory."""
        return slice(0, None if modality == "text" else self.num_committed)


def attention_metadata(
    packed: PackedSequence, past: Cache, config: ModelConfig, device: torch.device
) -> AttentionMetadata:
    """Return the metadata of a pass over `packed` after `past`.  Computed on the host, then moved to the device."""
    windows = {r: _windows(packed, past, r) for r in config.ratios}
    entries = {r: _entries(windows[r], past, packed, r) for r in config.ratios}
    parts = [past.raw, packed.text]
    if packed.visual is not None:
        parts.append(packed.visual.take(slice(0, packed.num_committed)))
    raw = TokenMeta.cat(parts)
    return AttentionMetadata(
        groups=tuple(_groups(packed, raw, entries, config, device)),
        ropes=_ropes(packed, config, device),
        new_entries={r: _new_entries(windows[r], r, config, device) for r in config.ratios},
        recency={r: to_device(e.last, device) for r, e in entries.items()},
        real={name: to_device(meta.is_real, device) for name, meta in _tokens(packed).items()},
        raw=raw,
        entries=entries,
        num_committed=packed.num_committed,
    )


def _tokens(packed: PackedSequence) -> dict[Modality, TokenMeta]:
    """Return the tokens of each modality that is there."""
    both: dict[Modality, TokenMeta | None] = {"text": packed.text, "visual": packed.visual}
    return {name: meta for name, meta in both.items() if meta is not None}


# -- compressed entries ---------------------------------------------------------------------------------------------


def _windows(packed: PackedSequence, past: Cache, ratio: int) -> dict[Modality, CompressionWindows]:
    """Return the new windows by modality, text before visual."""
    found: dict[Modality, CompressionWindows] = {}
    open_window = past.open_windows[ratio]
    if packed.text.shape[1]:
        text = TokenMeta.cat([open_window, packed.text])
        found["text"] = find_windows(text, ratio, open_window.shape[1], at_mean=False)
    if packed.visual is not None and packed.num_committed:
        clean = packed.visual.take(slice(0, packed.num_committed))
        found["visual"] = find_windows(clean, ratio, 0, at_mean=True)
    return found


def _entries(windows: dict[Modality, CompressionWindows], past: Cache, packed: PackedSequence, ratio: int) -> EntryMeta:
    """Return past and new entries; incomplete ones of a text segment that goes on are dropped."""
    old = drop_stale_entries(past.entries[ratio], packed.text)
    return EntryMeta.cat([old] + [w.entries for w in windows.values()])


def _new_entries(
    windows: dict[Modality, CompressionWindows], ratio: int, config: ModelConfig, device: torch.device
) -> tuple[NewEntries, ...]:
    """Return the new windows with the rotary tables of their entries, on the device."""
    if not windows:
        return ()
    inverse = frequencies(config.qk_rope_head_dim, *config.rope(ratio))
    tables = angles(torch.cat([w.entries.position for w in windows.values()], 1), inverse)
    cos, sin = (to_device(table, device) for table in tables)
    out, start = [], 0
    for modality, window in windows.items():
        part = slice(start, start + window.count)
        out.append(NewEntries(modality, window.to(device), (cos[:, part], sin[:, part])))
        start = part.stop
    return tuple(out)


# -- queries --------------------------------------------------------------------------------------------------------


def _groups(
    packed: PackedSequence,
    raw: TokenMeta,
    entries: dict[int, EntryMeta],
    config: ModelConfig,
    device: torch.device,
) -> list[QueryGroup]:
    """Return the attention calls of a layer: text, clean blocks, noisy blocks."""

    def group(modality: Modality, columns: slice, queries: TokenMeta) -> QueryGroup:
        mask = sees_tokens(queries, raw, config.visibility)
        max_raw = None if device.type == "cpu" or not mask.numel() else int(mask.sum(-1).max())  # read on the host
        entry_masks = {r: to_device(sees_entries(queries, e), device) for r, e in entries.items()}
        return QueryGroup(modality, columns, to_device(mask, device), entry_masks, max_raw=max_raw)

    out = []
    if packed.text.shape[1]:
        out.append(group("text", slice(0, None), packed.text))
    if packed.visual is None:
        return out
    split, total = packed.num_committed, packed.visual.shape[1]
    if split:
        clean = slice(0, split)
        out.append(group("visual", clean, packed.visual.take(clean)))
    if total > split:
        noisy = slice(split, total)
        queries = packed.visual.take(noisy)
        copies = _equal_copies(queries.copy_id)
        own_mask = to_device(_same_copy(queries, copies), device)
        out.append(replace(group("visual", noisy, queries), own_mask=own_mask, copies=copies))
    return out


def _equal_copies(copy_id: Tensor) -> int:
    """Return K if every row is K equally long copies in a row, else 1."""
    change = (copy_id[:, 1:] != copy_id[:, :-1]).any(0).nonzero().flatten() + 1
    size = int(change[0]) if len(change) else copy_id.shape[1]
    if copy_id.shape[1] % size:
        return 1
    grid = copy_id.unflatten(1, (-1, size))
    is_equal = (grid == grid[..., :1]).all()
    first = grid[..., 0]
    apart = ((first[:, 1:] != first[:, :-1]) | (first[:, 1:] == 0)).all()
    return grid.shape[1] if bool(is_equal & apart) else 1


def _same_copy(queries: TokenMeta, copies: int) -> Tensor:
    """Return which noisy tokens belong to the same copy of a block, (B·copies, n, n)."""
    copy_id = queries.copy_id.unflatten(1, (copies, -1)).flatten(0, 1)
    return (copy_id[:, :, None] == copy_id[:, None]) & (copy_id[:, :, None] > 0)


def _ropes(packed: PackedSequence, config: ModelConfig, device: torch.device) -> dict[tuple[str, bool], Rope]:
    """Return the query tables of both modalities, for layers without and with compression."""
    out: dict[tuple[str, bool], Rope] = {}
    for compresses in (False, True):
        inverse = frequencies(config.qk_rope_head_dim, *config.rope(int(compresses)))
        for modality, meta in _tokens(packed).items():
            cos, sin = angles(meta.position, inverse)
            out[modality, compresses] = to_device(cos[:, :, None], device), to_device(sin[:, :, None], device)
    return out
