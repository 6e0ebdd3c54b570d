"""The KV cache: raw keys that can still be read, compressed entries, indexer keys, open windows (V4 report 3.5).

A cache is immutable: a forward pass with `use_cache` returns a new one, so a snapshot is a reference and
denoising passes cannot disturb it.  All rows of a batch share columns; padding is marked in the metadata.
"""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from sancai.device.transfer import to_device
from sancai.model.compressor import Entries
from sancai.model.config import ModelConfig
from sancai.sequence import PADDING, Cursor, EntryMeta, PackedSequence, TokenMeta, VisibilityConfig


@dataclass(frozen=True)
class LayerCache:
    """What one layer's queries read.

    raw: (B, S, K) keys, which are the values.  entries: compressed keys (CSA and HCA).  index_keys: κ (CSA).
    """

    raw: Tensor
    entries: Entries | None = None
    index_keys: Entries | None = None

    def take(self, raw: Tensor, entries: Tensor | None, tokens: Tensor | None) -> "LayerCache":
        """Keep some columns of the raw keys, of the entries, and of the open windows' tokens."""
        if entries is None or tokens is None:
            return LayerCache(self.raw[:, raw])
        kept = (None if part is None else part.take(entries, tokens) for part in (self.entries, self.index_keys))
        return LayerCache(self.raw[:, raw], *kept)

    def repeat(self, times: int) -> "LayerCache":
        """Repeat each row `times` times, rows of one source staying together."""
        kept = (None if part is None else part.repeat(times) for part in (self.entries, self.index_keys))
        return LayerCache(self.raw.repeat_interleave(times, 0), *kept)

    @property
    def tensors(self) -> list[Tensor]:
        """All tensors that the layer holds."""
        return [self.raw] + [t for part in (self.entries, self.index_keys) if part is not None for t in part.tensors]


@dataclass(frozen=True)
class Cache:
    """Metadata shared by all layers, and the layers' tensors (none before the first pass).

    cursors: where each row's document stands.  raw: metadata of the raw keys.
    entries, open_windows: metadata of the compressed entries and of the open windows' tokens, by compression ratio.
    """

    cursors: tuple[Cursor, ...]
    raw: TokenMeta
    entries: dict[int, EntryMeta] = field(default_factory=dict)
    open_windows: dict[int, TokenMeta] = field(default_factory=dict)
    layers: tuple[LayerCache, ...] = ()

    @property
    def batch(self) -> int:
        return self.raw.shape[0]

    @staticmethod
    def empty(config: ModelConfig, batch: int) -> "Cache":
        """Return a cache that has seen nothing."""
        empty = torch.zeros(batch, 0, dtype=torch.int32, device="cpu")
        position = torch.zeros(batch, 0, 3, dtype=torch.float32, device="cpu")
        return Cache(
            cursors=(Cursor(),) * batch,
            raw=TokenMeta.padding(batch, 0),
            entries={r: EntryMeta(empty, empty, empty, empty, position) for r in config.ratios},
            open_windows={r: TokenMeta.padding(batch, 0) for r in config.ratios},
        )

    def layer(self, number: int) -> LayerCache | None:
        """Return a layer's tensors, None before the first pass."""
        return self.layers[number] if self.layers else None

    def repeat(self, times: int) -> "Cache":
        """Return a cache of batch × times rows, to continue one prompt in several ways."""
        return Cache(
            cursors=tuple(c for c in self.cursors for _ in range(times)),
            raw=self.raw.repeat(times),
            entries={r: e.repeat(times) for r, e in self.entries.items()},
            open_windows={r: t.repeat(times) for r, t in self.open_windows.items()},
            layers=tuple(layer.repeat(times) for layer in self.layers),
        )

    @property
    def num_bytes(self) -> int:
        """Memory of all layers' tensors."""
        return sum(t.numel() * t.element_size() for layer in self.layers for t in layer.tensors)


def commit(
    past: Cache,
    packed: PackedSequence,
    raw: TokenMeta,
    entries: dict[int, EntryMeta],
    layers: list[LayerCache],
    config: ModelConfig,
) -> Cache:
    """Return the cache after a pass: the columns that a later query can still read.

    Args:
        raw, entries: metadata of all raw keys and, by ratio, of all entries, past and new.
        layers: their tensors, with the same columns.
    """
    device = layers[0].raw.device
    raw_columns = _columns(_is_readable(raw, packed.cursors, config.visibility))
    open_windows, kept_entries, columns = {}, {}, {}
    for ratio in config.ratios:
        entry_columns = _columns(entries[ratio].document != PADDING)
        kept_entries[ratio] = entries[ratio].take(entry_columns)
        text = TokenMeta.cat([past.open_windows[ratio], packed.text])
        open_columns = _columns(_is_in_open_window(text, packed.cursors, ratio))
        open_windows[ratio] = text.take(open_columns)
        columns[ratio] = to_device(entry_columns, device), to_device(open_columns, device)
    on_device = to_device(raw_columns, device)
    kept = (
        layer.take(on_device, *columns.get(ratio, (None, None)))
        for layer, ratio in zip(layers, config.compress_ratios, strict=False)
    )
    return Cache(packed.cursors, raw.take(raw_columns), kept_entries, open_windows, tuple(kept))


def _columns(needed: Tensor) -> Tensor:
    """Return the columns that any row needs."""
    return needed.any(0).nonzero().flatten()


def _of_cursors(cursors: tuple[Cursor, ...], name: str) -> Tensor:
    return torch.tensor([getattr(c, name) for c in cursors], dtype=torch.int32, device="cpu")[:, None]


def _is_readable(raw: TokenMeta, cursors: tuple[Cursor, ...], visibility: VisibilityConfig) -> Tensor:
    """Return which raw keys a later query could still read."""
    near = raw.index >= _of_cursors(cursors, "index") - visibility.sliding_window
    oldest = _of_cursors(cursors, "block") - visibility.local_blocks
    block = (raw.block > oldest) | (raw.block <= visibility.anchor_blocks)
    here = raw.document == _of_cursors(cursors, "document")
    return here & raw.is_real & (near | ((raw.block > 0) & block))


def _is_in_open_window(text: TokenMeta, cursors: tuple[Cursor, ...], ratio: int) -> Tensor:
    """Return which text tokens the next entry of an open text segment will pool."""
    start = (_of_cursors(cursors, "offset") // ratio - 1) * ratio
    here = (text.document == _of_cursors(cursors, "document")) & (text.segment == _of_cursors(cursors, "segment"))
    is_open = _of_cursors(cursors, "open_text") > 0
    return is_open & here & text.is_real & (text.offset >= start)


def drop_stale_entries(entries: EntryMeta, text: TokenMeta) -> EntryMeta:
    """Mark incomplete entries as padding where new text continues their segment: they will be pooled again."""
    if not text.shape[1]:
        return entries
    same = (entries.document[:, :, None] == text.document[:, None]) & (
        entries.segment[:, :, None] == text.segment[:, None]
    )
    continues = (same & text.is_real[:, None]).any(-1)
    is_stale = continues & (entries.complete == 0)
    return replace(entries, document=entries.document.masked_fill(is_stale, PADDING))
