"""The plan of one forward pass: masks, rotary tables and windows, made once for all layers."""

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from sancai.device.transfer import to_device
from sancai.model.cache import Cache, superseded
from sancai.model.config import ModelConfig
from sancai.ops.rope import angles, frequencies
from sancai.sequence import (
    EntryMeta,
    PackedSequence,
    TokenMeta,
    Windows,
    find_windows,
    sees_entries,
    sees_tokens,
)

Modality = Literal["text", "visual"]
Table = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class QueryGroup:
    """Queries that share one attention call.

    modality, columns: whose tokens, and which columns of that tensor.
    raw: (B, T, S) mask over context keys.  entries: (B, T, E) masks by ratio.
    own: (B·folds, n, n) mask over noisy keys, None for committed queries.
    most_raw: what a query reads of the raw keys at most; None where no kernel needs to know (on a CPU).
    folds: number of equal noisy copies that are computed as separate rows.
    """

    modality: Modality
    columns: slice
    raw: Tensor
    entries: dict[int, Tensor]
    own: Tensor | None = None
    folds: int = 1
    most_raw: int | None = None


@dataclass(frozen=True)
class Layout:
    """Everything a pass needs besides contents.

    ropes: (modality, is_compressed) → cos, sin (B, T, 1, R/2).
    entry_ropes: ratio → cos, sin (B, E_new, R/2) of the new entries.
    recency: ratio → (B, E), committed index of each entry's last token.
    real: modality → (B, T) boolean, False = padding.
    context, entries: facts of all raw keys and, by ratio, of all entries, past and new; a commit keeps some.
    """

    groups: tuple[QueryGroup, ...]
    ropes: dict[tuple[str, bool], Table]
    windows: dict[tuple[int, str], Windows]
    entry_ropes: dict[int, Table]
    recency: dict[int, Tensor]
    real: dict[str, Tensor]
    context: TokenMeta
    entries: dict[int, EntryMeta]


def plan(packed: PackedSequence, past: Cache, config: ModelConfig, device: torch.device) -> Layout:
    """Return the layout of a pass over `packed` after `past`."""
    windows = _windows(packed, past, config)
    entries = {r: _entries(windows, past, packed, r) for r in config.ratios}
    parts = [past.raw, packed.text]
    if packed.visual is not None:
        parts.append(packed.visual.take(slice(0, packed.num_committed)))
    context = TokenMeta.cat(parts)
    return Layout(
        groups=tuple(_groups(packed, context, entries, config, device)),
        ropes=_ropes(packed, config, device),
        windows={key: w.to(device) for key, w in windows.items()},
        entry_ropes={r: _entry_rope(windows, r, config, device) for r in config.ratios},
        recency={r: to_device(e.last, device) for r, e in entries.items()},
        real={name: to_device(meta.is_real, device) for name, meta in _tokens(packed).items()},
        context=context,
        entries=entries,
    )


def _tokens(packed: PackedSequence) -> dict[str, TokenMeta]:
    """Return the tokens of each modality that is there."""
    both = {"text": packed.text, "visual": packed.visual}
    return {name: meta for name, meta in both.items() if meta is not None}


def _windows(packed: PackedSequence, past: Cache, config: ModelConfig) -> dict[tuple[int, str], Windows]:
    """Return the new windows by ratio and modality, text before visual."""
    found: dict[tuple[int, str], Windows] = {}
    for ratio in config.ratios:
        tail = past.tails[ratio]
        if packed.text.shape[1]:
            text = TokenMeta.cat([tail, packed.text])
            found[ratio, "text"] = find_windows(text, ratio, tail.shape[1], at_mean=False)
        if packed.visual is not None and packed.num_committed:
            clean = packed.visual.take(slice(0, packed.num_committed))
            found[ratio, "visual"] = find_windows(clean, ratio, 0, at_mean=True)
    return found


def _entries(windows: dict[tuple[int, str], Windows], past: Cache, packed: PackedSequence, ratio: int) -> EntryMeta:
    """Return past and new entries; incomplete ones of a text segment that went on are dropped."""
    old = superseded(past.entries[ratio], packed.text)
    return EntryMeta.cat([old] + [w.entries for (r, _), w in windows.items() if r == ratio])


def _groups(
    packed: PackedSequence,
    context: TokenMeta,
    entries: dict[int, EntryMeta],
    config: ModelConfig,
    device: torch.device,
) -> list[QueryGroup]:
    """Return the attention calls of a layer: text, clean blocks, noisy blocks."""

    def group(modality: Modality, columns: slice, queries: TokenMeta) -> QueryGroup:
        raw = sees_tokens(queries, context, config.reach)
        most = None if device.type == "cpu" or not raw.numel() else int(raw.sum(-1).max())  # read on the host
        seen = {r: to_device(sees_entries(queries, e), device) for r, e in entries.items()}
        return QueryGroup(modality, columns, to_device(raw, device), seen, most_raw=most)

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
        base = group("visual", noisy, queries)
        folds = _equal_copies(queries.copy)
        own = to_device(_own(queries, folds), device)
        out.append(replace(base, own=own, folds=folds))
    return out


def _equal_copies(copy: Tensor) -> int:
    """Return K if every row is K equally long copies in a row, else 1."""
    change = (copy[:, 1:] != copy[:, :-1]).any(0).nonzero().flatten() + 1
    size = int(change[0]) if len(change) else copy.shape[1]
    if copy.shape[1] % size:
        return 1
    grid = copy.unflatten(1, (-1, size))
    whole = (grid == grid[..., :1]).all()
    first = grid[..., 0]
    apart = ((first[:, 1:] != first[:, :-1]) | (first[:, 1:] == 0)).all()
    return grid.shape[1] if bool(whole & apart) else 1


def _own(queries: TokenMeta, folds: int) -> Tensor:
    """Return which noisy tokens read each other, (B·folds, n, n)."""
    copy = queries.copy.unflatten(1, (folds, -1)).flatten(0, 1)
    return (copy[:, :, None] == copy[:, None]) & (copy[:, :, None] > 0)


def _ropes(packed: PackedSequence, config: ModelConfig, device: torch.device) -> dict[tuple[str, bool], Table]:
    """Return the query tables of both modalities, for window-only and compressed layers."""
    out: dict[tuple[str, bool], Table] = {}
    for compressed in (False, True):
        turn = frequencies(config.qk_rope_head_dim, *config.rope(int(compressed)))
        for modality, meta in _tokens(packed).items():
            cos, sin = angles(meta.position, turn)
            out[modality, compressed] = to_device(cos[:, :, None], device), to_device(sin[:, :, None], device)
    return out


def _entry_rope(
    windows: dict[tuple[int, str], Windows], ratio: int, config: ModelConfig, device: torch.device
) -> Table:
    """Return the tables of the new entries of a ratio."""
    found = [w.entries.position for (r, _), w in windows.items() if r == ratio]
    turn = frequencies(config.qk_rope_head_dim, *config.rope(ratio))
    position = torch.cat(found, 1) if found else torch.zeros(1, 0, 3, device="cpu", dtype=torch.float32)
    cos, sin = angles(position, turn)
    return to_device(cos, device), to_device(sin, device)
