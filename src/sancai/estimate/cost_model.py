"""Analytic cost model: FLOPs, bytes and kernel launches of a forward pass, for a roofline.

There are three execution modes.  `cpu`: this code on a CPU (experts one by one).  `eager`: this code on any other
device (experts in tiles of 16 rows, each with a copy of its expert's weight).  `fused`: one ideal kernel per part,
which reads quantised weights as they are stored, each expert once, and only the keys that a query attends to.
"""

import math
from collections.abc import Iterator

from sancai.estimate.op_cost import OpCost
from sancai.estimate.primitives import FP32, OpCosts
from sancai.estimate.workload import Workload
from sancai.model import CSA_RATIO
from sancai.model.metadata import Modality
from sancai.ops.attention import FEW_KEYS
from sancai.ops.grouped_matmul import COPIED_BYTES, FEW_HEIGHTS, FEW_ROWS, TILE

SDPA_PAD = 8
"""Extra channels for the sink in PyTorch's attention kernel."""
CONV_CHANNELS, NOISE_FEATURES, POSITION_FEATURES = 8, 64, 24
PLAN_LAUNCHES, PLAN_RATIO_LAUNCHES = 70, 50
KEEP_LAUNCHES, KEEP_RATIO_LAUNCHES = 35, 32
"""Launches for attention metadata and for a new KV cache: once, and per compression ratio (counted in a trace)."""


class CostModel(OpCosts):
    """The costs of a forward pass of one architecture in one execution mode."""

    def forward(self, workload: Workload) -> list[OpCost]:
        """Return the costs of all parts of a pass."""
        return list(self._forward(workload))

    def _forward(self, workload: Workload) -> Iterator[OpCost]:
        c = self.c
        for ratio in c.compress_ratios[: c.num_hidden_layers]:
            yield from self.layer(workload, ratio)
        if workload.text:
            yield self.vector("embed", 1, 2 * workload.batch * workload.text * c.hidden_size * self.math)
            yield from self.hyper_head(workload.batch * workload.text)
            yield from self.norm("head", workload.batch * workload.text, c.hidden_size)
        if workload.scored:
            yield self.product(
                "logits",
                workload.batch * workload.scored,
                c.hidden_size,
                c.vocab_size,
                stored=FP32,
                math=FP32,
            )
        if workload.with_mtp and c.num_nextn_predict_layers:
            yield from self.mtp(workload)
        if workload.committed or workload.noisy:
            yield from self.visual_ends(workload)
        if not self.is_fused:
            yield self.planning(workload)

    # -- parts of a layer -----------------------------------------------------------------------

    def layer(self, workload: Workload, ratio: int, is_mtp: bool = False) -> Iterator[OpCost]:
        """Yield the costs of one decoder layer, for both modalities."""
        visual = workload.committed + workload.noisy
        if workload.text:
            yield from self.half(workload, "text", workload.text, ratio)
        if visual and not is_mtp:
            yield from self.half(workload, "visual", visual, ratio)
        yield from self.cache_update(workload, ratio)
        for queries, own in ((workload.text, 0), (workload.committed, 0), (workload.noisy, workload.noisy)):
            if queries:
                yield from self.attention(workload, queries, own, ratio)

    def half(self, workload: Workload, modality: Modality, tokens: int, ratio: int) -> Iterator[OpCost]:
        """Yield the costs of one modality's tokens, without attention."""
        n, dim = workload.batch * tokens, self.c.hidden_size
        is_visual = modality == "visual"
        for _ in range(2):
            yield from self.hyper(n, is_visual)
            yield from self.norm("norm", n, dim)
        if is_visual:
            yield from self.noise(workload, n)
        yield from self.projections(n)
        if ratio:
            new = workload.text if modality == "text" else workload.committed
            if new:
                yield from self.compressing(workload, new, ratio)
        yield from self.experts(n, is_visual)

    def hyper(self, n: int, has_shift: bool) -> Iterator[OpCost]:
        """Yield one hyper-connection of n tokens: the input of a sublayer and the streams after it."""
        c, streams = self.c, self.c.hc_mult
        logits, wide = (2 + streams) * streams, n * streams * c.hidden_size * self.math
        one = n * c.hidden_size * self.math
        mixing = 2.0 * n * c.hidden_size * (streams + streams * streams)
        small = n * logits * FP32
        rounds = 2 * c.hc_sinkhorn_iters - 1
        iterated = n * FP32 * (4 * streams**2 + rounds * (3 * streams**2 + 4 * streams))
        yield self.product("hyper", n, streams * c.hidden_size, logits, stored=FP32)
        if self.is_fused:
            yield self.vector("hyper", 2, 4 * wide + 2 * one + 3 * small, flops=mixing)
            return
        yield self.vector("hyper", 2, 3 * wide)
        yield OpCost(part="hyper", kind="streams", flops=mixing, bytes=7 * wide + 3 * one, launches=5)
        yield self.vector("hyper", 10 + 5 * self.casts + int(has_shift), 14 * small)
        yield self.vector("sinkhorn", 2 + 3 * rounds, iterated)

    def hyper_head(self, n: int) -> Iterator[OpCost]:
        """Yield the weighted sum of the streams before an output head."""
        c = self.c
        wide = n * c.hc_mult * c.hidden_size * self.math
        yield self.product("hyper", n, c.hc_mult * c.hidden_size, c.hc_mult, stored=FP32)
        launches = 1 if self.is_fused else 12 + 2 * self.casts
        yield self.vector("hyper", launches, 4 * wide, flops=2.0 * n * c.hc_mult * c.hidden_size)

    def projections(self, n: int) -> Iterator[OpCost]:
        """Yield the query, key and output projections of n tokens."""
        c = self.c
        heads = c.num_attention_heads * c.head_dim
        for depth, width in ((c.hidden_size, c.q_lora_rank), (c.q_lora_rank, heads), (c.hidden_size, c.head_dim)):
            yield self.product("project", n, depth, width)
        yield from self.norm("project", n, c.q_lora_rank)
        yield from self.norm("project", n * c.num_attention_heads, c.head_dim, has_weight=False)
        yield from self.norm("project", n, c.head_dim)
        yield from self.rotation("project", n * c.num_attention_heads, c.head_dim)
        yield from self.rotation("project", n, c.head_dim)
        yield from self.rotation("output", n * c.num_attention_heads, c.head_dim)
        yield self.product("output", n, heads // c.o_groups, c.o_lora_rank, count=c.o_groups)
        yield self.product("output", n, c.o_groups * c.o_lora_rank, c.hidden_size)

    def compressing(self, workload: Workload, new: int, ratio: int) -> Iterator[OpCost]:
        """Yield the compressors over the new tokens of one modality."""
        c = self.c
        yield from self.compressor(workload.batch, new, ratio, c.head_dim, 2.0)
        if ratio == CSA_RATIO and (workload.keeps_cache or self.entries(workload, ratio) > c.index_topk):
            yield from self.compressor(workload.batch, new, ratio, c.index_head_dim, 0.0)

    def compressor(self, batch: int, new: int, ratio: int, dim: int, backward: float) -> Iterator[OpCost]:
        """Yield one compressor over `new` tokens per row."""
        overlap = 2 if ratio == CSA_RATIO else 1
        n, entries = batch * new, batch * -(-new // ratio)
        width = dim * overlap
        for _ in range(2):
            yield self.product("compress", n, self.c.hidden_size, width, backward=backward)
        slots = entries * ratio * overlap * dim
        if self.is_fused:
            yield self.vector("compress", 1, 2 * n * width * self.math + entries * dim * self.math, backward=backward)
            return
        gathered = entries * ratio * width * FP32
        casts = self.casts * 2 * overlap * n * width * (FP32 + self.math)
        yield self.vector("compress", 2 * overlap * (1 + self.casts), overlap * 4 * gathered + casts, backward=backward)
        yield self.vector("compress", 11 + 2 * self.casts, 14 * slots * FP32, backward=backward)
        yield from self.norm("compress", entries, dim)
        yield from self.rotation("compress", entries, dim)

    def cache_update(self, workload: Workload, ratio: int) -> Iterator[OpCost]:
        """Yield the concatenation of new keys and entries with the KV cache."""
        if self.is_fused:
            return
        keys = workload.batch * (self.raw_keys(workload) + self.entries(workload, ratio)) * self.c.head_dim * self.math
        copies = 2 + 2 * int(workload.keeps_cache)
        kept = (7 if ratio == CSA_RATIO else 4 if ratio else 1) if workload.keeps_cache else 0
        yield self.vector("cache", (3 if ratio else 1) + kept, 2 * copies * keys)

    # -- attention --------------------------------------------------------------------------------

    def raw_keys(self, workload: Workload) -> int:
        """Return the uncompressed keys per row: those of the context within the window, and the new tokens."""
        return min(workload.context, self.c.sliding_window) + workload.new

    def entries(self, workload: Workload, ratio: int) -> int:
        """Return the compressed entries per row."""
        return -(-(workload.context + workload.new) // ratio) if ratio else 0

    def keys_attended(self, workload: Workload, own: int, ratio: int) -> float:
        """Return the keys per query: all of them, masked, or in fused mode only those that it attends to."""
        raw, entries = self.raw_keys(workload), self.entries(workload, ratio)
        if not self.is_fused:
            return raw + entries + own
        before = workload.context + workload.new / 2
        far = min(before / ratio, self.c.index_topk if ratio == CSA_RATIO else float("inf")) if ratio else 0.0
        return min(before, self.c.sliding_window) + far + own

    def attention(self, workload: Workload, queries: int, own: int, ratio: int) -> Iterator[OpCost]:
        """Yield the attention of one group of queries, per row."""
        c = self.c
        if ratio == CSA_RATIO and self.entries(workload, ratio) > c.index_topk:
            yield from self.indexing(workload, queries)
        keys = self.keys_attended(workload, own, ratio)
        n, heads, width = workload.batch * queries, c.num_attention_heads, c.head_dim
        inputs = (2 * n * heads + workload.batch * keys) * width * self.math
        if self.is_fused:
            flops = 4.0 * n * heads * width * keys
            reread = n * keys * width * self.math if workload.context else inputs
            yield OpCost(part="attend", kind="matrix", flops=flops, bytes=max(inputs, reread), rows=n * heads)
            return
        folded = workload.batch * keys * width * self.math * 2
        yield self.vector("attend", 2 + (3 if own else 0), folded + n * keys)
        scores = n * heads * keys
        if keys <= FEW_KEYS:
            yield self.batched("attend", workload.batch, queries * heads, width, keys, launches=2, times=2)
            moved = scores * (9 * FP32 + self.casts * 2 * (FP32 + self.math))
            yield OpCost(part="attend", kind="scores", bytes=moved, launches=5 + 2 * self.casts)
            return
        wide = width + SDPA_PAD
        yield self.batched("attend", workload.batch, queries * heads, wide, keys + 1, launches=1, times=2)
        yield self.vector("attend", 8, 3 * n * heads * wide * self.math + 8 * workload.batch * keys * wide * self.math)
        if self.mode == "eager":
            yield self.vector("attend", 14, scores * self.math * 20)

    def indexing(self, workload: Workload, queries: int) -> Iterator[OpCost]:
        """Yield the lightning indexer: index queries, scores, top-k."""
        c = self.c
        n, entries = workload.batch * queries, self.entries(workload, CSA_RATIO)
        heads, width = c.index_n_heads, c.index_head_dim
        yield self.product("index", n, c.q_lora_rank, heads * width, backward=0.0)
        yield self.product("index", n, c.hidden_size, heads, backward=0.0)
        products = 2.0 * n * heads * entries * width
        if self.is_fused:
            moved = n * heads * width * self.math + workload.batch * entries * width * self.math
            yield OpCost(part="index", kind="matrix", flops=products, bytes=moved, rows=n * heads, backward=0.0)
            yield self.vector("index", 1, n * entries * FP32, backward=0.0)
            return
        yield from self.rotation("index", n * heads, width)
        yield self.batched("index", workload.batch, queries * heads, width, entries, launches=1, times=1, backward=0.0)
        scores = n * heads * entries
        yield self.vector(
            "index", 4 + self.casts, scores * (4 * FP32 + self.casts * (FP32 + self.math)), flops=2.0 * scores,
            backward=0.0,
        )  # fmt: skip
        yield self.vector("index", 12, n * entries * 80, backward=0.0)

    # -- experts --------------------------------------------------------------------------------

    def experts(self, n: int, is_visual: bool) -> Iterator[OpCost]:
        """Yield router, routed experts and the shared expert."""
        c = self.c
        side = c.visual if is_visual and c.visual and c.visual.sharing != "full" else c
        dim, inter, count, top_k = (
            c.hidden_size,
            c.moe_intermediate_size,
            side.n_routed_experts,
            side.num_experts_per_tok,
        )
        yield self.product("route", n, dim, count, stored=FP32, math=FP32)
        yield self.vector("route", 2 if self.is_fused else 10 + self.casts, n * count * FP32 * 8)
        yield from self.routed(n, dim, inter, count, top_k)
        for _ in range(2):
            yield self.product("shared", n, dim, inter * c.n_shared_experts)
        yield self.product("shared", n, inter * c.n_shared_experts, dim)
        yield self.vector("shared", 1 if self.is_fused else 5, 11 * n * inter * c.n_shared_experts * self.math)

    def routed(self, n: int, dim: int, inter: int, count: int, top_k: int) -> Iterator[OpCost]:
        """Yield the grouped products of the selected experts."""
        rows, used = n * top_k, expected_experts_used(count, top_k, n)
        padded, products, launches = self.expert_layout(rows, count, used)
        stack = 3 * dim * inter
        cast, starts = self.casting(self.formats.experts, self.math)
        if self.mode == "eager":
            if starts:
                yield self.vector("experts", 3 * starts, count * stack * cast)
            copied = products * stack * self.math
            chunks = chunk_count(products * dim * inter * self.math)
            yield self.vector("experts", 3 * chunks + (3 if chunks > 1 else 0), 2 * copied)
            read, cast, launches = copied, 0.0, launches * chunks
        else:
            read = used * stack * (cast + self.math if cast else self.formats.experts)
            launches *= 1 + starts
        yield OpCost(
            part="experts", kind="matrix", flops=2.0 * padded * stack, cast=used * stack * cast, launches=launches,
            bytes=read + 3 * padded * (dim + inter) * self.math, rows=padded / max(products, 1), weights=dim * inter,
        )  # fmt: skip
        moving = (2 * padded + 6 * rows) * dim + 11 * padded * inter
        if self.is_fused:
            yield self.vector("experts", 3, (4 * rows * dim + 3 * rows * inter) * self.math)
            return
        yield self.vector("experts", 12, moving * self.math)
        yield self.vector("experts", 25, 20 * rows * (FP32 * 2) + rows * count * 8)

    def expert_layout(self, rows: int, count: int, used: float) -> tuple[float, float, float]:
        """Return padded rows, products with distinct weights, and launches of the three products."""
        if self.is_fused:
            return rows, used, 3
        if self.mode == "eager":
            tiles = rows // TILE + count
            return tiles * TILE, tiles, 3
        grain = 1 if rows <= FEW_ROWS else max(TILE, 1 << max(rows // FEW_HEIGHTS, 1).bit_length() - 1)
        each = rows / used
        return used * max(each + (grain - 1) / 2, grain), used, 3 * used

    # -- embedding and heads -----------------------------------------------------------------------------------

    def noise(self, workload: Workload, n: int) -> Iterator[OpCost]:
        """Yield the noise conditioning of one layer."""
        c = self.c
        frames = n / workload.frame_tokens
        logits = (2 + c.hc_mult) * c.hc_mult
        for _ in range(2):
            yield self.product("noise", frames, c.hidden_size, logits, stored=FP32, math=FP32)
        moved = 4 * n * c.hidden_size * self.math + 4 * n * logits * FP32 + 8 * frames * 4 * c.hidden_size * self.math
        yield self.vector("noise", 2 if self.is_fused else 10 + 4 * self.casts, moved)

    def visual_ends(self, workload: Workload) -> Iterator[OpCost]:
        """Yield the embedding of latents and the head that predicts latents."""
        c, visual = self.c, self.c.visual
        assert visual is not None, "a pass over blocks needs visual settings"
        n, dim = workload.batch * (workload.committed + workload.noisy), c.hidden_size
        frames = n / workload.frame_tokens
        yield self.product("visual_embed", n, visual.latent_channels, dim, backward=1.0)
        yield self.product("visual_embed", n, POSITION_FEATURES, dim, backward=1.0)
        yield from self.norm("visual_embed", n, dim)
        yield self.vector("visual_embed", 12, (c.hc_mult + 4) * n * dim * self.math)
        yield self.product("visual_embed", frames, NOISE_FEATURES, dim, stored=FP32, math=FP32, backward=1.0)
        yield self.product("visual_embed", frames, dim, dim, stored=FP32, math=FP32)
        yield self.product("visual_embed", frames, dim, 4 * dim, stored=FP32, math=FP32)
        if not workload.noisy:
            return
        out = workload.batch * workload.noisy
        yield from self.hyper_head(out)
        yield from self.norm("latent_head", out, dim)
        yield self.product("latent_head", out, dim, visual.latent_channels)
        pixels = out * visual.pixel_shuffle**2
        channels = visual.latent_channels // visual.pixel_shuffle**2
        flops = 2.0 * pixels * 9 * channels * CONV_CHANNELS
        yield OpCost(
            part="latent_head", kind="matrix", flops=2 * flops,
            bytes=2 * pixels * (channels + CONV_CHANNELS) * self.math, launches=2, rows=pixels,
            weights=9 * channels * CONV_CHANNELS,
        )  # fmt: skip
        yield self.vector("latent_head", 12, 12 * pixels * channels * self.math)

    def mtp(self, workload: Workload) -> Iterator[OpCost]:
        """Yield the MTP block over text tokens, and its logits."""
        c, n = self.c, workload.batch * workload.text
        alone = Workload(batch=workload.batch, text=workload.text)
        yield self.product("mtp", n, c.hidden_size, c.hidden_size)
        yield self.product("mtp", n * c.hc_mult, c.hidden_size, c.hidden_size)
        yield from self.norm("mtp", n, c.hidden_size)
        yield from self.norm("mtp", n * c.hc_mult, c.hidden_size)
        yield self.vector("mtp", 2, 5 * n * c.hc_mult * c.hidden_size * self.math)
        yield from self.layer(alone, c.compress_ratios[c.num_hidden_layers], is_mtp=True)
        yield from self.hyper_head(n)
        yield from self.norm("mtp", n, c.hidden_size)
        if workload.scored:
            yield self.product(
                "logits",
                workload.batch * workload.scored,
                c.hidden_size,
                c.vocab_size,
                stored=FP32,
                math=FP32,
            )

    def planning(self, workload: Workload) -> OpCost:
        """Return the cost of attention metadata before the first layer: masks, rotary tables, windows."""
        queries = workload.text + workload.committed + workload.noisy
        masks = (
            workload.batch * queries * (self.raw_keys(workload) + sum(self.entries(workload, r) for r in self.c.ratios))
        )
        launches = (PLAN_LAUNCHES + PLAN_RATIO_LAUNCHES * len(self.c.ratios)) * (2 if workload.with_mtp else 1)
        if workload.keeps_cache:
            launches += KEEP_LAUNCHES + KEEP_RATIO_LAUNCHES * len(self.c.ratios)
        return self.vector("plan", launches, 30 * masks, backward=0.0)

    # -- single operators ---------------------------------------------------------------------------------


def chunk_count(copied: float) -> int:
    """Return the number of chunks in which tiles copy this many bytes of weights."""
    return max(math.ceil(copied / COPIED_BYTES), 1)


def expected_experts_used(count: int, top_k: int, tokens: float) -> float:
    """Return the expected number of distinct experts that `tokens` tokens select, if all are equally likely."""
    return count * (1.0 - (1.0 - top_k / count) ** tokens)
