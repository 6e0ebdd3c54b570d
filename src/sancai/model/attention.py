"""V4 attention of one layer over both modalities: window, CSA or HCA entries, one softmax, one sink.

`Attention` holds one modality's weights; `attend` runs a layer: each modality projects with its own
weights, all keys meet, each group of queries reads what the layout allows.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sancai.model.cache import LayerCache
from sancai.model.compressor import CSA_RATIO, Compressor, Slots
from sancai.model.config import ModelConfig
from sancai.model.indexer import Indexer
from sancai.model.layout import Layout, QueryGroup
from sancai.model.linear import Linear, RMSNorm
from sancai.model.moe import Auxiliary
from sancai.ops.attention import MASKED, attention, sparse_attention
from sancai.ops.norm import rms_norm
from sancai.ops.precision import upcast
from sancai.ops.rope import rotate
from sancai.ops.topk import index_scores, indexer_topk, topk_mask
from sancai.sequence import Windows

INDEXER_STRIDE = 4  # the indexer learns from every fourth query


@dataclass(frozen=True)
class Projected:
    """One modality's view of a layer: hidden (B, T, D), latent (B, T, Q), query (B, T, H, K), key (B, T, K)."""

    hidden: Tensor
    latent: Tensor
    query: Tensor
    key: Tensor


class Attention(nn.Module):
    """Weights of one modality in one layer; ratio 0 window only, 4 CSA, larger HCA."""

    def __init__(self, config: ModelConfig, ratio: int) -> None:
        super().__init__()
        heads, width = config.num_attention_heads, config.head_dim
        self.heads, self.width, self.groups, self.eps = heads, width, config.o_groups, config.rms_norm_eps
        self.wq_a = Linear(config.hidden_size, config.q_lora_rank)
        self.q_norm = RMSNorm(config.q_lora_rank, config.rms_norm_eps)
        self.wq_b = Linear(config.q_lora_rank, heads * width)
        self.wkv = Linear(config.hidden_size, width)
        self.kv_norm = RMSNorm(width, config.rms_norm_eps)
        self.wo_a = Linear(heads * width // config.o_groups, config.o_groups * config.o_lora_rank)
        self.wo_b = Linear(config.o_groups * config.o_lora_rank, config.hidden_size)
        self.attn_sink = nn.Parameter(torch.zeros(heads, dtype=torch.float32))
        if ratio:
            self.compressor = Compressor(config, ratio, width)
        if ratio == CSA_RATIO:
            self.indexer = Indexer(config)

    def project(self, hidden: Tensor, cos: Tensor, sin: Tensor) -> Projected:
        """Return rotated queries and keys of hidden (B, T, D)."""
        latent = self.q_norm(self.wq_a(hidden))
        query = rms_norm(self.wq_b(latent).unflatten(-1, (self.heads, self.width)), None, self.eps)
        key = self.kv_norm(self.wkv(hidden))
        return Projected(hidden, latent, rotate(query, cos, sin), rotate(key, cos[:, :, 0], sin[:, :, 0]))

    def read(self, query: Tensor, keys: Tensor, mask: Tensor, limit: int | None = None) -> Tensor:
        """Return the attention output (B, T, H, K) of queries (B, T, H, K) over keys (B, S, K).

        limit: how many keys a query reads at most, where few of many.
        """
        if limit is not None:
            return sparse_attention(query, keys, mask, self.attn_sink, limit)
        return attention(query, keys, mask, self.attn_sink)

    def close(self, out: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Turn the output (B, T, H, K) back to position zero and project it to (B, T, D)."""
        grouped = rotate(out, cos, -sin).flatten(-2).unflatten(-1, (self.groups, -1))
        weight = self.wo_a.dense(out.dtype).unflatten(0, (self.groups, -1))
        return self.wo_b(torch.einsum("btgi,gri->btgr", grouped, weight).flatten(-2))


@dataclass(frozen=True)
class Entries:
    """Compressed memory of one layer: values (B, E, K) and, for CSA, index keys (B, E, I)."""

    values: Tensor
    index_keys: Tensor | None
    tail: Slots | None
    index_tail: Slots | None


def attend(
    halves: dict[str, Attention],
    hidden: dict[str, Tensor],
    layout: Layout,
    ratio: int,
    past: LayerCache | None,
    num_committed: int,
    aux: Auxiliary | None,
) -> tuple[dict[str, Tensor], LayerCache]:
    """Run one layer's attention.

    Args:
        halves: weights by modality.
        hidden: normalised inputs (B, T, D) by modality.
        num_committed: visual columns that enter the context.

    Returns:
        Outputs (B, T, D) by modality, and the layer's tensors with all past and new columns.
    """
    seen = {m: halves[m].project(h, *layout.ropes[m, ratio > 0]) for m, h in hidden.items()}
    own_keys = [seen[m].key if m == "text" else seen[m].key[:, :num_committed] for m in seen]
    context = torch.cat(([past.raw] if past else []) + own_keys, 1)
    entries = _compress(halves, hidden, layout, ratio, past, num_committed) if ratio else None
    outputs: dict[str, list[Tensor]] = {m: [] for m in hidden}
    for group in layout.groups:
        part = _columns(seen[group.modality], group.columns)
        reader = _Reader(halves[group.modality], part, group, layout, ratio)
        outputs[group.modality].append(reader.read(context, entries, aux))
    closed = {
        m: halves[m].close(torch.cat(parts, 1) if len(parts) > 1 else parts[0], *layout.ropes[m, ratio > 0])
        for m, parts in outputs.items()
    }
    return closed, _layer_cache(context, entries)


def _layer_cache(context: Tensor, entries: Entries | None) -> LayerCache:
    if entries is None:
        return LayerCache(context)
    return LayerCache(context, entries.values, entries.index_keys, entries.tail, entries.index_tail)


def _columns(seen: Projected, columns: slice) -> Projected:
    """Return the projected tokens of some columns."""
    return Projected(seen.hidden[:, columns], seen.latent[:, columns], seen.query[:, columns], seen.key[:, columns])


def _compress(
    halves: dict[str, Attention],
    hidden: dict[str, Tensor],
    layout: Layout,
    ratio: int,
    past: LayerCache | None,
    num_committed: int,
) -> Entries:
    """Pool the new windows of both modalities and join them to the past ones."""
    values = [past.entries] if past and past.entries is not None else []
    keys = [past.index_keys] if past and past.index_keys is not None else []
    tails: dict[str, Slots | None] = {
        "values": past.tail if past else None,
        "index": past.index_tail if past else None,
    }
    cos, sin = layout.entry_ropes[ratio]
    start = 0
    for modality in ("text", "visual"):
        windows = layout.windows.get((ratio, modality))
        if windows is None:
            continue
        source = hidden[modality] if modality == "text" else hidden[modality][:, :num_committed]
        stop = start + windows.count
        table = cos[:, start:stop], sin[:, start:stop]
        half = halves[modality]
        values.append(_pool(half.compressor, source, windows, table, tails, "values", modality == "text"))
        if ratio == CSA_RATIO:
            keys.append(
                _pool(half.indexer.compressor, source.detach(), windows, table, tails, "index", modality == "text")
            )
        start = stop
    if not values:  # nothing committed yet: an empty memory
        some = next(iter(hidden.values()))
        values = [some.new_zeros(some.shape[0], 0, next(iter(halves.values())).width)]
    return Entries(torch.cat(values, 1), torch.cat(keys, 1) if keys else None, tails["values"], tails["index"])


def _pool(
    compressor: Compressor,
    source: Tensor,
    windows: Windows,
    table: tuple[Tensor, Tensor],
    tails: dict[str, Slots | None],
    name: str,
    keeps_tail: bool,
) -> Tensor:
    """Return rotated entries; text windows may begin in the tail, which grows by the new tokens."""
    slots = compressor.slots(source)
    if keeps_tail:
        slots = tails[name] = Slots.cat(tails[name], slots)
    return rotate(compressor.pool(slots, windows), *table)


@dataclass(frozen=True)
class _Reader:
    """One group of queries reading one layer's memory."""

    half: Attention
    seen: Projected
    group: QueryGroup
    layout: Layout
    ratio: int

    def read(self, context: Tensor, entries: Entries | None, aux: Auxiliary | None) -> Tensor:
        """Return the attention output (B, T, H, K)."""
        keys, mask, limit = context, self.group.raw, None
        if entries is not None and entries.values.shape[1]:
            visible = self.group.entries[self.ratio]
            if self.ratio == CSA_RATIO and entries.index_keys is not None:
                visible = self._select(entries.index_keys, visible, context, entries.values, aux)
                limit = self._limit(visible.shape[-1])
            keys, mask = torch.cat([keys, entries.values], 1), torch.cat([mask, visible], -1)
        if self.group.own is None:
            return self.half.read(self.seen.query, keys, mask, limit)
        return self._read_folded(keys, mask, self.group.own, limit)

    def _limit(self, count: int) -> int | None:
        """Return how many keys a query reads at most if the indexer chose among `count` entries; None if it did not."""
        most, topk = self.group.most_raw, self.half.indexer.topk
        return None if most is None or count <= topk else most + topk

    def _read_folded(self, keys: Tensor, mask: Tensor, own: Tensor, limit: int | None) -> Tensor:
        """Read with each noisy copy as a row of its own: the shared context and its own tokens."""
        folds = self.group.folds
        if folds > 1:
            keys = keys.repeat_interleave(folds, 0)
        query, mine, mask = (t.unflatten(1, (folds, -1)).flatten(0, 1) for t in (self.seen.query, self.seen.key, mask))
        limit = None if limit is None else limit + own.shape[-1]
        out = self.half.read(query, torch.cat([keys, mine], 1), torch.cat([mask, own], -1), limit)
        return out.unflatten(0, (-1, folds)).flatten(1, 2)

    def _select(
        self, index_keys: Tensor, visible: Tensor, context: Tensor, values: Tensor, aux: Auxiliary | None
    ) -> Tensor:
        """Return the entries that the indexer keeps; where it learns, collect its loss."""
        indexer, config_topk = self.half.indexer, self.half.indexer.topk
        learns = aux is not None and aux.wants_indexer and self.group.own is None
        if values.shape[1] <= config_topk and not learns:
            return visible
        cos, sin = self.layout.ropes[self.group.modality, True]
        columns = self.group.columns
        query, weights = indexer.project(
            self.seen.hidden.detach(), self.seen.latent.detach(), cos[:, columns], sin[:, columns]
        )
        recency = self.layout.recency[self.ratio]
        if not learns or aux is None:
            return indexer_topk(query, index_keys, weights, visible, recency, config_topk)
        scores = index_scores(query, index_keys, weights)
        aux.indexer.append(self._indexer_loss(scores, visible, context, values))
        return topk_mask(scores.detach(), visible, config_topk, recency)

    def _indexer_loss(self, scores: Tensor, visible: Tensor, context: Tensor, values: Tensor) -> Tensor:
        """KL from the head-summed joint attention, restricted to entries, to the indexer's softmax."""
        step = slice(None, None, INDEXER_STRIDE)
        some, logits = visible[:, step], scores[:, step].masked_fill(~visible[:, step], MASKED)
        with torch.no_grad():
            query = upcast(self.seen.query[:, step]) * self.half.width**-0.5
            raw = torch.einsum("bthk,bsk->bhts", query, upcast(context))
            raw = raw.masked_fill(~self.group.raw[:, None, step], MASKED)
            far = torch.einsum("bthk,bsk->bhts", query, upcast(values)).masked_fill(~some[:, None], MASKED)
            sink = self.half.attn_sink.view(1, -1, 1, 1).expand(*raw.shape[:3], 1)
            joint = torch.cat([raw, far, sink], -1).softmax(-1)[..., raw.shape[-1] : -1].sum(1)
            teacher = joint / joint.sum(-1, keepdim=True).clamp(min=1e-20)
        student = logits.log_softmax(-1)
        has = some.any(-1)
        loss = (teacher * (teacher.clamp(min=1e-20).log() - student)).sum(-1)
        return (loss * has).sum() / has.sum().clamp(min=1)
