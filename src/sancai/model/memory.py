"""What a layer's queries read: raw keys and compressed entries, those of earlier passes and those of new tokens.

Only committed tokens (text and clean blocks) enter; noisy tokens leave nothing behind.
"""

from typing import TypeVar

import torch
from torch import Tensor

from sancai.model.attention import Attention, Projected
from sancai.model.cache import LayerCache
from sancai.model.compressor import CSA_RATIO, Compressor, Entries, WindowBuffer
from sancai.model.context import ForwardContext
from sancai.model.metadata import AttentionMetadata

T = TypeVar("T")
ByModality = dict[str, T]


def extend(
    cached: LayerCache | None,
    weights: ByModality[Attention],
    projected: ByModality[Projected],
    context: ForwardContext,
) -> LayerCache:
    """Return a layer's memory with the new committed tokens: raw keys; CSA, HCA: entries; CSA: index keys."""
    metadata, attn = context.metadata, next(iter(weights.values()))
    raw = [] if cached is None else [cached.raw]
    raw += [p.key[:, metadata.committed(m)] for m, p in projected.items()]
    if not attn.ratio:
        return LayerCache(torch.cat(raw, 1))
    hidden = {m: p.hidden[:, metadata.committed(m)] for m, p in projected.items()}
    compressors = {m: w.compressor for m, w in weights.items()}
    entries = compress_windows(compressors, hidden, metadata, cached.entries if cached else None)
    if attn.ratio != CSA_RATIO or not _needs_index_keys(entries.values.shape[1], attn.indexer.topk, context):
        return LayerCache(torch.cat(raw, 1), entries)
    compressors = {m: w.indexer.compressor for m, w in weights.items()}
    hidden = {m: h.detach() for m, h in hidden.items()}  # the indexer learns from its own loss alone
    index_keys = compress_windows(compressors, hidden, metadata, cached.index_keys if cached else None)
    return LayerCache(torch.cat(raw, 1), entries, index_keys)


def _needs_index_keys(num_entries: int, topk: int, context: ForwardContext) -> bool:
    """Return whether anything reads index keys: a choice among entries, the indexer's loss, or a later pass."""
    return num_entries > topk or context.indexer_learns or context.use_cache


def compress_windows(
    compressors: ByModality[Compressor], hidden: ByModality[Tensor], metadata: AttentionMetadata, past: Entries | None
) -> Entries:
    """Return past and new entries of committed tokens hidden (B, T, D)."""
    any_compressor = next(iter(compressors.values()))
    values = [] if past is None else [past.values]
    open_window = past.open_window if past else None
    for new in metadata.new_entries[any_compressor.ratio]:
        tokens = compressors[new.modality].project(hidden[new.modality])
        if new.modality == "text":  # its windows may begin in earlier passes
            tokens = open_window = WindowBuffer.cat(open_window, tokens)
        values.append(compressors[new.modality].pool(tokens, new.windows, new.rope))
    if not values:  # nothing has been committed yet
        some = next(iter(hidden.values()))
        values = [some.new_zeros(some.shape[0], 0, any_compressor.dim)]
    return Entries(torch.cat(values, 1), open_window)
