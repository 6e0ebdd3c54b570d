"""The decoding cache: raw keys within reach, compressed entries, indexer keys, open windows.

A cache is immutable: a forward pass that commits returns a new one, so a snapshot is a reference and
denoising passes cannot disturb it.  All rows of a batch share columns; padding is marked in the metadata.
"""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from sancai.device.transfer import to_device
from sancai.model.compressor import Slots
from sancai.model.config import ModelConfig
from sancai.sequence import PADDING, Cursor, EntryMeta, PackedSequence, Reach, TokenMeta


@dataclass(frozen=True)
class LayerCache:
    """One layer's tensors: raw (B, S, K), entries (B, E, K), index keys (B, E, I), open text windows."""

    raw: Tensor
    entries: Tensor | None = None
    index_keys: Tensor | None = None
    tail: Slots | None = None
    index_tail: Slots | None = None


@dataclass(frozen=True)
class Cache:
    """Metadata shared by all layers, and the layers' tensors (none before the first pass)."""

    cursors: tuple[Cursor, ...]
    raw: TokenMeta
    entries: dict[int, EntryMeta] = field(default_factory=dict)
    tails: dict[int, TokenMeta] = field(default_factory=dict)
    layers: tuple[LayerCache, ...] = ()

    @property
    def batch(self) -> int:
        return self.raw.shape[0]

    @staticmethod
    def empty(config: ModelConfig, batch: int) -> "Cache":
        """Return a cache that has seen nothing."""
        none = torch.zeros(batch, 0, dtype=torch.int32, device="cpu")
        place = torch.zeros(batch, 0, 3, dtype=torch.float32, device="cpu")
        return Cache(
            cursors=(Cursor(),) * batch,
            raw=TokenMeta.padding(batch, 0),
            entries={r: EntryMeta(none, none, none, none, place) for r in config.ratios},
            tails={r: TokenMeta.padding(batch, 0) for r in config.ratios},
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
            tails={r: t.repeat(times) for r, t in self.tails.items()},
            layers=tuple(_repeat_layer(layer, times) for layer in self.layers),
        )

    @property
    def num_bytes(self) -> int:
        """Memory of all layers' tensors."""
        tensors = [t for layer in self.layers for t in _tensors(layer)]
        return sum(t.numel() * t.element_size() for t in tensors)


def _tensors(layer: LayerCache) -> list[Tensor]:
    """Return the tensors that a layer holds."""
    slots = [s for s in (layer.tail, layer.index_tail) if s is not None]
    found = [layer.raw, layer.entries, layer.index_keys]
    return [t for t in found if t is not None] + [t for s in slots for t in (s.values, s.gates)]


def _repeat_layer(layer: LayerCache, times: int) -> LayerCache:
    def tensor(value: Tensor | None) -> Tensor | None:
        return None if value is None else value.repeat_interleave(times, 0)

    return LayerCache(
        raw=layer.raw.repeat_interleave(times, 0),
        entries=tensor(layer.entries),
        index_keys=tensor(layer.index_keys),
        tail=None if layer.tail is None else layer.tail.repeat(times),
        index_tail=None if layer.index_tail is None else layer.index_tail.repeat(times),
    )


def commit(
    past: Cache,
    packed: PackedSequence,
    raw: TokenMeta,
    joined: dict[int, EntryMeta],
    layers: list[LayerCache],
    config: ModelConfig,
) -> Cache:
    """Return the cache after a pass, without what is out of reach.

    Args:
        raw, joined: facts of all raw keys and, by ratio, of all entries, past and new.
        layers: their tensors, with the same columns.
    """
    keep_raw = _columns(_within_reach(raw, packed.cursors, config.reach))
    entries, keep_entries, tails, keep_tails = {}, {}, {}, {}
    for ratio in config.ratios:
        keep_entries[ratio] = _columns(joined[ratio].document != PADDING)
        entries[ratio] = joined[ratio].take(keep_entries[ratio])
        text = TokenMeta.cat([past.tails[ratio], packed.text])
        keep_tails[ratio] = _columns(_in_open_window(text, packed.cursors, ratio))
        tails[ratio] = text.take(keep_tails[ratio])
    raw, device = raw.take(keep_raw), layers[0].raw.device
    keep_raw = to_device(keep_raw, device)
    keep_entries, keep_tails = _placed(keep_entries, device), _placed(keep_tails, device)
    kept = []
    for layer, ratio in zip(layers, config.compress_ratios, strict=False):
        kept.append(_keep(layer, keep_raw, keep_entries.get(ratio), keep_tails.get(ratio)))
    return Cache(packed.cursors, raw, entries, tails, tuple(kept))


def _placed(columns: dict[int, Tensor], device: torch.device) -> dict[int, Tensor]:
    return {ratio: to_device(kept, device) for ratio, kept in columns.items()}


def _keep(layer: LayerCache, raw: Tensor, entries: Tensor | None, tail: Tensor | None) -> LayerCache:
    """Select the columns that stay."""
    out = replace(layer, raw=layer.raw[:, raw])
    if entries is None or tail is None or layer.entries is None or layer.tail is None:
        return out
    return replace(
        out,
        entries=layer.entries[:, entries],
        index_keys=None if layer.index_keys is None else layer.index_keys[:, entries],
        tail=layer.tail.take(tail),
        index_tail=None if layer.index_tail is None else layer.index_tail.take(tail),
    )


def _columns(needed: Tensor) -> Tensor:
    """Return the columns that any row needs."""
    return needed.any(0).nonzero().flatten()


def _cursor_facts(cursors: tuple[Cursor, ...], name: str) -> Tensor:
    return torch.tensor([getattr(c, name) for c in cursors], dtype=torch.int32, device="cpu")[:, None]


def _within_reach(raw: TokenMeta, cursors: tuple[Cursor, ...], reach: Reach) -> Tensor:
    """Return which raw keys a later query could still read."""
    near = raw.index >= _cursor_facts(cursors, "index") - reach.sliding_window
    oldest = _cursor_facts(cursors, "block") - reach.local_blocks
    block = (raw.block > oldest) | (raw.block <= reach.anchor_blocks)
    here = raw.document == _cursor_facts(cursors, "document")
    return here & raw.is_real & (near | ((raw.block > 0) & block))


def _in_open_window(text: TokenMeta, cursors: tuple[Cursor, ...], ratio: int) -> Tensor:
    """Return which text tokens the next entry of an open text segment will pool."""
    start = (_cursor_facts(cursors, "offset") // ratio - 1) * ratio
    here = (text.document == _cursor_facts(cursors, "document")) & (text.segment == _cursor_facts(cursors, "segment"))
    is_open = _cursor_facts(cursors, "open_text") > 0
    return is_open & here & text.is_real & (text.offset >= start)


def superseded(entries: EntryMeta, text: TokenMeta) -> EntryMeta:
    """Mark incomplete entries as padding where new text continues their segment."""
    if not text.shape[1]:
        return entries
    same = (entries.document[:, :, None] == text.document[:, None]) & (
        entries.segment[:, :, None] == text.segment[:, None]
    )
    goes_on = (same & text.is_real[:, None]).any(-1)
    gone = goes_on & (entries.complete == 0)
    return replace(entries, document=entries.document.masked_fill(gone, PADDING))
