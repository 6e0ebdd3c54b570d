"""Attention of one layer over both modalities: every token projects with its own modality's weights, all keys meet.

A query reads, in one softmax with one sink: raw keys (the sliding window and whole blocks nearby), compressed
entries (CSA: those that the indexer chose; HCA: all that are visible), and, in a noisy block, the block itself.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from sancai.model.attention import Attention, Projected
from sancai.model.cache import LayerCache
from sancai.model.compressor import CSA_RATIO
from sancai.model.context import ForwardContext
from sancai.model.indexer import MaskedKeys, attention_to_entries, indexer_loss
from sancai.model.memory import ByModality, extend
from sancai.model.metadata import QueryGroup
from sancai.ops.topk import index_scores, indexer_topk, topk_mask

INDEXER_STRIDE = 4  # the indexer learns from every fourth query


def joint_attention(
    weights: ByModality[Attention],
    hidden: ByModality[Tensor],
    context: ForwardContext,
    cached: LayerCache | None,
) -> tuple[ByModality[Tensor], LayerCache]:
    """Return outputs (B, T, D) by modality of hidden (B, T, D), and what the layer's queries read, past and new."""
    ratio = next(iter(weights.values())).ratio
    ropes = {m: context.metadata.rope(m, ratio) for m in hidden}
    projected = {m: weights[m].project(h, *ropes[m]) for m, h in hidden.items()}
    memory = extend(cached, weights, projected, context)
    outputs: ByModality[list[Tensor]] = {m: [] for m in hidden}
    for group in context.metadata.groups:
        queries = projected[group.modality].columns(group.columns)
        reader = GroupReader(weights[group.modality], queries, group, context)
        outputs[group.modality].append(reader.read(memory))
    return {m: weights[m].project_output(_joined(parts), *ropes[m]) for m, parts in outputs.items()}, memory


def _joined(parts: list[Tensor]) -> Tensor:
    """Join along the token dimension."""
    return torch.cat(parts, 1) if len(parts) > 1 else parts[0]


@dataclass(frozen=True)
class GroupReader:
    """One group of queries, the weights of its modality, and what it may read."""

    weights: Attention
    queries: Projected
    group: QueryGroup
    context: ForwardContext

    def read(self, memory: LayerCache) -> Tensor:
        """Return the attention output (B, T, H, K)."""
        keys, mask, max_keys = memory.raw, self.group.raw_mask, None
        if memory.entries is not None and memory.entries.values.shape[1]:
            chosen, max_keys = self._choose_entries(memory)
            keys, mask = torch.cat([keys, memory.entries.values], 1), torch.cat([mask, chosen], -1)
        if self.group.own_mask is None:
            return self.weights.attend(self.queries.query, keys, mask, max_keys)
        return self._read_noisy(keys, mask, self.group.own_mask, max_keys)

    def _read_noisy(self, keys: Tensor, mask: Tensor, own_mask: Tensor, max_keys: int | None) -> Tensor:
        """Attend to the memory and to the noisy tokens themselves; equal copies of a block become rows."""
        copies = self.group.copies
        if copies > 1:
            keys = keys.repeat_interleave(copies, 0)
        query, own, mask = (
            t.unflatten(1, (copies, -1)).flatten(0, 1) for t in (self.queries.query, self.queries.key, mask)
        )
        max_keys = None if max_keys is None else max_keys + own_mask.shape[-1]
        out = self.weights.attend(query, torch.cat([keys, own], 1), torch.cat([mask, own_mask], -1), max_keys)
        return out.unflatten(0, (-1, copies)).flatten(1, 2)

    # -- which entries ------------------------------------------------------------------------------------------

    def _choose_entries(self, memory: LayerCache) -> tuple[Tensor, int | None]:
        """Return which entries are read, (B, T, M) boolean, and how many keys a query reads at most if few of many."""
        ratio = self.weights.ratio
        visible = self.group.entry_masks[ratio]
        if ratio != CSA_RATIO or memory.index_keys is None:
            return visible, None
        topk, count = self.weights.indexer.topk, memory.index_keys.values.shape[1]
        learns = self.context.indexer_learns and self.group.own_mask is None
        if count <= topk and not learns:
            return visible, None
        max_raw = self.group.max_raw
        max_keys = None if max_raw is None or count <= topk else max_raw + topk
        return self._index(memory, visible, learns), max_keys

    def _index(self, memory: LayerCache, visible: Tensor, learns: bool) -> Tensor:
        """Return the entries that the indexer chooses, (B, T, M) boolean; if it learns, collect its loss."""
        assert memory.index_keys is not None
        metadata, columns = self.context.metadata, self.group.columns
        indexer, keys, recency = self.weights.indexer, memory.index_keys.values, metadata.recency[CSA_RATIO]
        cos, sin = (table[:, columns] for table in metadata.rope(self.group.modality, CSA_RATIO))
        hidden, latent = self.queries.hidden.detach(), self.queries.latent.detach()
        query, head_weights = indexer.project(hidden, latent, cos, sin)
        if not learns or self.context.aux is None:
            return indexer_topk(query, keys, head_weights, visible, recency, indexer.topk)
        scores = index_scores(query, keys, head_weights)
        self.context.aux.indexer.append(self._indexer_loss(scores, memory, visible))
        return topk_mask(scores.detach(), visible, indexer.topk, recency)

    def _indexer_loss(self, scores: Tensor, memory: LayerCache, visible: Tensor) -> Tensor:
        """Return the loss of the index scores (B, T, M) against the attention itself."""
        assert memory.entries is not None
        some = slice(None, None, INDEXER_STRIDE)
        raw = MaskedKeys(memory.raw, self.group.raw_mask[:, some])
        entries = MaskedKeys(memory.entries.values, visible[:, some])
        target = attention_to_entries(self.queries.query[:, some], raw, entries, self.weights.attn_sink)
        return indexer_loss(scores[:, some], target, entries.mask)
