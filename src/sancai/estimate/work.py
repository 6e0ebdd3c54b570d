"""What one forward pass computes, in closed form: every part of every layer as operators of a roofline.

Three ways run the same mathematics.  `host`: this code on a CPU (experts one by one).  `plain`: this code on any
other device (experts in tiles of 16 rows, each with a copy of its expert's weight).  `kernels`: one fused kernel
for each part, which reads packed weights as they are stored, each expert once, and of the memory only what a
query may read.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sancai.estimate.operator import Operator
from sancai.model import CSA_RATIO, ModelConfig
from sancai.ops.attention import FEW_KEYS
from sancai.ops.grouped_matmul import COPIED_BYTES, FEW_HEIGHTS, FEW_ROWS, TILE

Way = Literal["host", "plain", "kernels"]
Modality = Literal["text", "visual"]
WIDE = 4
"""Bytes of a number where precision matters."""
SDPA_PAD = 8
"""Channels that carry the sink through PyTorch's attention kernel."""
UNPACK_BYTES, UNPACK_LAUNCHES = 25, 6
"""What unpacking an fp8 or fp4 weight moves besides reading and writing it, in bytes of a number, and its operators."""
CONV_CHANNELS, NOISE_FEATURES, PLACE_FEATURES = 8, 64, 24


@dataclass(frozen=True, kw_only=True)
class Load:
    """One pass: `batch` rows, each with so many new tokens after a context.

    text, committed, noisy: new tokens of text, of clean blocks and of noisy blocks.
    context: tokens read before.  frame_tokens: of one frame.  scored: text places whose vocabulary scores are made.
    """

    batch: int = 1
    text: int = 0
    committed: int = 0
    noisy: int = 0
    context: int = 0
    frame_tokens: int = 1
    scored: int = 0
    with_mtp: bool = False
    keeps_cache: bool = False

    @property
    def new(self) -> int:
        """New tokens that enter the context."""
        return self.text + self.committed


@dataclass(frozen=True, kw_only=True)
class Formats:
    """Bytes of a number: in layers' arithmetic, of stored matrices, of stored experts."""

    math: float = 2.0
    weights: float = 2.0
    experts: float = 2.0


class Work:
    """The operators of a pass of one architecture."""

    def __init__(self, config: ModelConfig, way: Way, formats: Formats) -> None:
        self.c, self.way, self.formats = config, way, formats
        self.math = formats.math
        self.casts = 1 if formats.math != WIDE else 0
        self.is_fused = way == "kernels"

    def forward(self, load: Load) -> list[Operator]:
        """Return all operators of a pass."""
        return list(self._forward(load))

    def _forward(self, load: Load) -> Iterator[Operator]:
        c = self.c
        for ratio in c.compress_ratios[: c.num_hidden_layers]:
            yield from self.layer(load, ratio)
        if load.text:
            yield self.vector("embed", 1, 2 * load.batch * load.text * c.hidden_size * self.math)
            yield from self.hyper_head(load.batch * load.text)
            yield from self.norm("head", load.batch * load.text, c.hidden_size)
        if load.scored:
            yield self.product("logits", load.batch * load.scored, c.hidden_size, c.vocab_size, stored=WIDE, math=WIDE)
        if load.with_mtp and c.num_nextn_predict_layers:
            yield from self.ahead(load)
        if load.committed or load.noisy:
            yield from self.visual_ends(load)
        if not self.is_fused:
            yield self.planning(load)

    # -- parts of a layer -----------------------------------------------------------------------

    def layer(self, load: Load, ratio: int, is_mtp: bool = False) -> Iterator[Operator]:
        """Yield one decoder layer of both modalities."""
        visual = load.committed + load.noisy
        if load.text:
            yield from self.half(load, "text", load.text, ratio)
        if visual and not is_mtp:
            yield from self.half(load, "visual", visual, ratio)
        yield from self.memory(load, ratio)
        for queries, own in ((load.text, 0), (load.committed, 0), (load.noisy, load.noisy)):
            if queries:
                yield from self.reading(load, queries, own, ratio)

    def half(self, load: Load, modality: Modality, tokens: int, ratio: int) -> Iterator[Operator]:
        """Yield what a modality's tokens compute by themselves."""
        n, dim = load.batch * tokens, self.c.hidden_size
        is_visual = modality == "visual"
        for _ in range(2):
            yield from self.hyper(n, is_visual)
            yield from self.norm("norm", n, dim)
        if is_visual:
            yield from self.noise(load, n)
        yield from self.projections(n)
        if ratio:
            new = load.text if modality == "text" else load.committed
            if new:
                yield from self.compressing(load, new, ratio)
        yield from self.experts(n, is_visual)

    def hyper(self, n: int, has_shift: bool) -> Iterator[Operator]:
        """Yield both ends of one hyper-connection site: collapse and expand."""
        c, streams = self.c, self.c.hc_mult
        logits, wide = (2 + streams) * streams, n * streams * c.hidden_size * self.math
        one = n * c.hidden_size * self.math
        mixing = 2.0 * n * c.hidden_size * (streams + streams * streams)
        small = n * logits * WIDE
        rounds = 2 * c.hc_sinkhorn_iters - 1
        turns = n * WIDE * (4 * streams**2 + rounds * (3 * streams**2 + 4 * streams))
        yield self.product("hyper", n, streams * c.hidden_size, logits, stored=WIDE)
        if self.is_fused:
            yield self.vector("hyper", 2, 4 * wide + 2 * one + 3 * small, flops=mixing)
            return
        yield self.vector("hyper", 2, 3 * wide)
        yield Operator(part="hyper", kind="streams", flops=mixing, bytes=7 * wide + 3 * one, launches=5)
        yield self.vector("hyper", 10 + 5 * self.casts + int(has_shift), 14 * small)
        yield self.vector("sinkhorn", 2 + 3 * rounds, turns)

    def hyper_head(self, n: int) -> Iterator[Operator]:
        """Yield the collapse of the streams at the end."""
        c = self.c
        wide = n * c.hc_mult * c.hidden_size * self.math
        yield self.product("hyper", n, c.hc_mult * c.hidden_size, c.hc_mult, stored=WIDE)
        launches = 1 if self.is_fused else 12 + 2 * self.casts
        yield self.vector("hyper", launches, 4 * wide, flops=2.0 * n * c.hc_mult * c.hidden_size)

    def norm(self, part: str, n: int, dim: int, has_weight: bool = True) -> Iterator[Operator]:
        """Yield one root-mean-square norm of n rows."""
        numbers = n * dim
        if self.is_fused:
            yield self.vector(part, 1, 2 * numbers * self.math)
            return
        moved = numbers * (2 * WIDE + WIDE + 2 * WIDE * (2 if has_weight else 1))
        casts = 2 * self.casts * numbers * (WIDE + self.math)
        yield self.vector(part, 3 + int(has_weight) + 2 * self.casts, moved + casts)
        yield self.vector(part, 2, 4 * n * WIDE)

    def rotation(self, part: str, n: int, width: int) -> Iterator[Operator]:
        """Yield the rotary turn of n vectors of `width` channels."""
        turned = n * self.c.qk_rope_head_dim
        if self.is_fused:
            yield self.vector(part, 1, 2 * n * width * self.math)
            return
        yield self.vector(part, 7 + 2 * self.casts, turned * (15 * WIDE / 2 + 2 * WIDE))
        yield self.vector(part, 1, 2 * n * width * self.math)

    def projections(self, n: int) -> Iterator[Operator]:
        """Yield queries and keys before attention, and the output after it."""
        c = self.c
        heads = c.num_attention_heads * c.head_dim
        for depth, width in ((c.hidden_size, c.q_lora_rank), (c.q_lora_rank, heads), (c.hidden_size, c.head_dim)):
            yield self.product("project", n, depth, width)
        yield from self.norm("project", n, c.q_lora_rank)
        yield from self.norm("project", n * c.num_attention_heads, c.head_dim, has_weight=False)
        yield from self.norm("project", n, c.head_dim)
        yield from self.rotation("project", n * c.num_attention_heads, c.head_dim)
        yield from self.rotation("project", n, c.head_dim)
        yield from self.rotation("close", n * c.num_attention_heads, c.head_dim)
        yield self.product("close", n, heads // c.o_groups, c.o_lora_rank, count=c.o_groups)
        yield self.product("close", n, c.o_groups * c.o_lora_rank, c.hidden_size)

    def compressing(self, load: Load, new: int, ratio: int) -> Iterator[Operator]:
        """Yield what the new tokens of one modality add to the compressed memory."""
        c = self.c
        yield from self.compressor(load.batch, new, ratio, c.head_dim, 2.0)
        if ratio == CSA_RATIO and (load.keeps_cache or self.entries(load, ratio) > c.index_topk):
            yield from self.compressor(load.batch, new, ratio, c.index_head_dim, 0.0)

    def compressor(self, batch: int, new: int, ratio: int, dim: int, backward: float) -> Iterator[Operator]:
        """Yield one compressor over `new` tokens of each row."""
        overlap = 2 if ratio == CSA_RATIO else 1
        n, entries = batch * new, batch * -(-new // ratio)
        width = dim * overlap
        for _ in range(2):
            yield self.product("compress", n, self.c.hidden_size, width, backward=backward)
        slots = entries * ratio * overlap * dim
        if self.is_fused:
            yield self.vector("compress", 1, 2 * n * width * self.math + entries * dim * self.math, backward=backward)
            return
        gathered = entries * ratio * width * WIDE
        casts = self.casts * 2 * overlap * n * width * (WIDE + self.math)
        yield self.vector("compress", 2 * overlap * (1 + self.casts), overlap * 4 * gathered + casts, backward=backward)
        yield self.vector("compress", 11 + 2 * self.casts, 14 * slots * WIDE, backward=backward)
        yield from self.norm("compress", entries, dim)
        yield from self.rotation("compress", entries, dim)

    def memory(self, load: Load, ratio: int) -> Iterator[Operator]:
        """Yield the joining of new keys and entries to the cache."""
        if self.is_fused:
            return
        keys = load.batch * (self.raw_keys(load) + self.entries(load, ratio)) * self.c.head_dim * self.math
        copies = 2 + 2 * int(load.keeps_cache)
        kept = (7 if ratio == CSA_RATIO else 4 if ratio else 1) if load.keeps_cache else 0
        yield self.vector("memory", (3 if ratio else 1) + kept, 2 * copies * keys)

    # -- reading --------------------------------------------------------------------------------

    def raw_keys(self, load: Load) -> int:
        """Return the raw keys of a row: what is in reach of the context, and the new tokens."""
        return min(load.context, self.c.sliding_window) + load.new

    def entries(self, load: Load, ratio: int) -> int:
        """Return the compressed entries of a row."""
        return -(-(load.context + load.new) // ratio) if ratio else 0

    def keys_read(self, load: Load, own: int, ratio: int) -> float:
        """Return how many keys one query meets: all of them, masked, or with kernels only what it may read."""
        raw, entries = self.raw_keys(load), self.entries(load, ratio)
        if not self.is_fused:
            return raw + entries + own
        before = load.context + load.new / 2
        far = min(before / ratio, self.c.index_topk if ratio == CSA_RATIO else float("inf")) if ratio else 0.0
        return min(before, self.c.sliding_window) + far + own

    def reading(self, load: Load, queries: int, own: int, ratio: int) -> Iterator[Operator]:
        """Yield the attention of one group of queries."""
        c = self.c
        if ratio == CSA_RATIO and self.entries(load, ratio) > c.index_topk:
            yield from self.indexing(load, queries)
        keys = self.keys_read(load, own, ratio)
        n, heads, width = load.batch * queries, c.num_attention_heads, c.head_dim
        inputs = (2 * n * heads + load.batch * keys) * width * self.math
        if self.is_fused:
            flops = 4.0 * n * heads * width * keys
            reread = n * keys * width * self.math if load.context else inputs
            yield Operator(part="attend", kind="matrix", flops=flops, bytes=max(inputs, reread), rows=n * heads)
            return
        folded = load.batch * keys * width * self.math * 2
        yield self.vector("attend", 2 + (3 if own else 0), folded + n * keys)
        scores = n * heads * keys
        if keys <= FEW_KEYS:
            yield self.batched("attend", load.batch, queries * heads, width, keys, launches=2, times=2)
            moved = scores * (9 * WIDE + self.casts * 2 * (WIDE + self.math))
            yield Operator(part="attend", kind="scores", bytes=moved, launches=5 + 2 * self.casts)
            return
        wide = width + SDPA_PAD
        yield self.batched("attend", load.batch, queries * heads, wide, keys + 1, launches=1, times=2)
        yield self.vector("attend", 8, 3 * n * heads * wide * self.math + 8 * load.batch * keys * wide * self.math)
        if self.way == "plain":
            yield self.vector("attend", 14, scores * self.math * 20)

    def indexing(self, load: Load, queries: int) -> Iterator[Operator]:
        """Yield the choice of entries: index queries, scores, top-k."""
        c = self.c
        n, entries = load.batch * queries, self.entries(load, CSA_RATIO)
        heads, width = c.index_n_heads, c.index_head_dim
        yield self.product("index", n, c.q_lora_rank, heads * width, backward=0.0)
        yield self.product("index", n, c.hidden_size, heads, backward=0.0)
        products = 2.0 * n * heads * entries * width
        if self.is_fused:
            moved = n * heads * width * self.math + load.batch * entries * width * self.math
            yield Operator(part="index", kind="matrix", flops=products, bytes=moved, rows=n * heads, backward=0.0)
            yield self.vector("index", 1, n * entries * WIDE, backward=0.0)
            return
        yield from self.rotation("index", n * heads, width)
        yield self.batched("index", load.batch, queries * heads, width, entries, launches=1, times=1, backward=0.0)
        scores = n * heads * entries
        yield self.vector(
            "index", 4 + self.casts, scores * (4 * WIDE + self.casts * (WIDE + self.math)), flops=2.0 * scores,
            backward=0.0,
        )  # fmt: skip
        yield self.vector("index", 12, n * entries * 80, backward=0.0)

    # -- experts --------------------------------------------------------------------------------

    def experts(self, n: int, is_visual: bool) -> Iterator[Operator]:
        """Yield router, routed experts and the shared expert."""
        c = self.c
        side = c.visual if is_visual and c.visual and c.visual.sharing != "full" else c
        dim, inter, count, top_k = (
            c.hidden_size,
            c.moe_intermediate_size,
            side.n_routed_experts,
            side.num_experts_per_tok,
        )
        yield self.product("route", n, dim, count, stored=WIDE, math=WIDE)
        yield self.vector("route", 2 if self.is_fused else 10 + self.casts, n * count * WIDE * 8)
        yield from self.routed(n, dim, inter, count, top_k)
        for _ in range(2):
            yield self.product("shared", n, dim, inter * c.n_shared_experts)
        yield self.product("shared", n, inter * c.n_shared_experts, dim)
        yield self.vector("shared", 1 if self.is_fused else 5, 11 * n * inter * c.n_shared_experts * self.math)

    def routed(self, n: int, dim: int, inter: int, count: int, top_k: int) -> Iterator[Operator]:
        """Yield the grouped products of the chosen experts."""
        rows, used = n * top_k, touched(count, top_k, n)
        padded, products, launches = self.layout(rows, count, used)
        stack = 3 * dim * inter
        cast, starts = self.casting(self.formats.experts, self.math)
        if self.way == "plain":
            if starts:
                yield self.vector("experts", 3 * starts, count * stack * cast)
            copied = products * stack * self.math
            turns = turns_of(products * dim * inter * self.math)
            yield self.vector("experts", 3 * turns + (3 if turns > 1 else 0), 2 * copied)
            read, cast, launches = copied, 0.0, launches * turns
        else:
            read = used * stack * (cast + self.math if cast else self.formats.experts)
            launches *= 1 + starts
        yield Operator(
            part="experts", kind="matrix", flops=2.0 * padded * stack, cast=used * stack * cast, launches=launches,
            bytes=read + 3 * padded * (dim + inter) * self.math, rows=padded / max(products, 1), weights=dim * inter,
        )  # fmt: skip
        moving = (2 * padded + 6 * rows) * dim + 11 * padded * inter
        if self.is_fused:
            yield self.vector("experts", 3, (4 * rows * dim + 3 * rows * inter) * self.math)
            return
        yield self.vector("experts", 12, moving * self.math)
        yield self.vector("experts", 25, 20 * rows * (WIDE * 2) + rows * count * 8)

    def layout(self, rows: int, count: int, used: float) -> tuple[float, float, float]:
        """Return padded rows, products that share a weight, and launches of the three products."""
        if self.is_fused:
            return rows, used, 3
        if self.way == "plain":
            tiles = rows // TILE + count
            return tiles * TILE, tiles, 3
        grain = 1 if rows <= FEW_ROWS else max(TILE, 1 << max(rows // FEW_HEIGHTS, 1).bit_length() - 1)
        each = rows / used
        return used * max(each + (grain - 1) / 2, grain), used, 3 * used

    # -- ends -----------------------------------------------------------------------------------

    def noise(self, load: Load, n: int) -> Iterator[Operator]:
        """Yield how the noise level enters one layer, at both sites."""
        c = self.c
        frames = n / load.frame_tokens
        logits = (2 + c.hc_mult) * c.hc_mult
        for _ in range(2):
            yield self.product("noise", frames, c.hidden_size, logits, stored=WIDE, math=WIDE)
        moved = 4 * n * c.hidden_size * self.math + 4 * n * logits * WIDE + 8 * frames * 4 * c.hidden_size * self.math
        yield self.vector("noise", 2 if self.is_fused else 10 + 4 * self.casts, moved)

    def visual_ends(self, load: Load) -> Iterator[Operator]:
        """Yield the way in from latents and the way out to predicted latents."""
        c, visual = self.c, self.c.visual
        assert visual is not None, "a pass over blocks needs visual settings"
        n, dim = load.batch * (load.committed + load.noisy), c.hidden_size
        frames = n / load.frame_tokens
        yield self.product("enter", n, visual.latent_channels, dim, backward=1.0)
        yield self.product("enter", n, PLACE_FEATURES, dim, backward=1.0)
        yield from self.norm("enter", n, dim)
        yield self.vector("enter", 12, (c.hc_mult + 4) * n * dim * self.math)
        yield self.product("enter", frames, NOISE_FEATURES, dim, stored=WIDE, math=WIDE, backward=1.0)
        yield self.product("enter", frames, dim, dim, stored=WIDE, math=WIDE)
        yield self.product("enter", frames, dim, 4 * dim, stored=WIDE, math=WIDE)
        if not load.noisy:
            return
        out = load.batch * load.noisy
        yield from self.hyper_head(out)
        yield from self.norm("leave", out, dim)
        yield self.product("leave", out, dim, visual.latent_channels)
        pixels = out * visual.pixel_shuffle**2
        channels = visual.latent_channels // visual.pixel_shuffle**2
        flops = 2.0 * pixels * 9 * channels * CONV_CHANNELS
        yield Operator(
            part="leave", kind="matrix", flops=2 * flops, bytes=2 * pixels * (channels + CONV_CHANNELS) * self.math,
            launches=2, rows=pixels, weights=9 * channels * CONV_CHANNELS,
        )  # fmt: skip
        yield self.vector("leave", 12, 12 * pixels * channels * self.math)

    def ahead(self, load: Load) -> Iterator[Operator]:
        """Yield the MTP block over text tokens alone, and its scores."""
        c, n = self.c, load.batch * load.text
        alone = Load(batch=load.batch, text=load.text)
        yield self.product("ahead", n, c.hidden_size, c.hidden_size)
        yield self.product("ahead", n * c.hc_mult, c.hidden_size, c.hidden_size)
        yield from self.norm("ahead", n, c.hidden_size)
        yield from self.norm("ahead", n * c.hc_mult, c.hidden_size)
        yield self.vector("ahead", 2, 5 * n * c.hc_mult * c.hidden_size * self.math)
        yield from self.layer(alone, c.compress_ratios[c.num_hidden_layers], is_mtp=True)
        yield from self.hyper_head(n)
        yield from self.norm("ahead", n, c.hidden_size)
        if load.scored:
            yield self.product("logits", load.batch * load.scored, c.hidden_size, c.vocab_size, stored=WIDE, math=WIDE)

    def planning(self, load: Load) -> Operator:
        """Return the work on the host before the first layer: masks, rotary tables, windows."""
        queries = load.text + load.committed + load.noisy
        masks = load.batch * queries * (self.raw_keys(load) + sum(self.entries(load, r) for r in self.c.ratios))
        launches = (PLAN_LAUNCHES + PLAN_RATIO_LAUNCHES * len(self.c.ratios)) * (2 if load.with_mtp else 1)
        if load.keeps_cache:
            launches += KEEP_LAUNCHES + KEEP_RATIO_LAUNCHES * len(self.c.ratios)
        return self.vector("plan", launches, 30 * masks, backward=0.0)

    # -- makers ---------------------------------------------------------------------------------

    def product(
        self, part: str, rows: float, depth: int, width: int, *, count: int = 1, stored: float | None = None,
        math: float | None = None, backward: float = 2.0,
    ) -> Operator:  # fmt: skip
        """Return a product of rows (rows, depth) with a weight (width, depth), `count` times."""
        math = math or self.math
        stored = stored or self.formats.weights
        weights = count * depth * width
        moved = count * rows * (depth + width) * math
        cast, launches = self.casting(stored, math)
        return Operator(
            part=part, kind="matrix", flops=2.0 * count * rows * depth * width,
            bytes=moved + weights * (cast + math if cast else stored), cast=weights * cast, launches=1 + launches,
            rows=rows, weights=weights / count, backward=backward,
        )  # fmt: skip

    def casting(self, stored: float, math: float) -> tuple[float, int]:
        """Return the bytes of a number, and the launches, of bringing a stored weight into the arithmetic's format."""
        if stored == math or self.is_fused:
            return 0.0, 0
        return (stored + UNPACK_BYTES + math, UNPACK_LAUNCHES) if stored < 2 else (stored + math, 1)

    def batched(
        self, part: str, batch: int, rows: float, depth: int, width: float, *, launches: int, times: int,
        backward: float = 2.0,
    ) -> Operator:  # fmt: skip
        """Return `times` products of (rows, depth) with (depth, width) in each row of a batch."""
        scores = batch * rows * width
        moved = times * (scores + batch * (rows + width) * depth) * self.math
        return Operator(
            part=part, kind="matrix", flops=2.0 * times * scores * depth, bytes=moved, launches=launches,
            rows=rows, weights=depth * width, backward=backward,
        )  # fmt: skip

    def vector(
        self, part: str, launches: float, moved: float, *, flops: float = 0.0, backward: float = 2.0
    ) -> Operator:
        """Return elementwise work."""
        return Operator(part=part, kind="vector", flops=flops, bytes=moved, launches=launches, backward=backward)


PLAN_LAUNCHES, PLAN_RATIO_LAUNCHES = 70, 50
KEEP_LAUNCHES, KEEP_RATIO_LAUNCHES = 35, 32
"""Operators of a plan and of what a new cache keeps: once, and for each compression ratio (counted)."""


def turns_of(copied: float) -> int:
    """Return in how many turns tiles copy so many bytes of weights."""
    return max(math.ceil(copied / COPIED_BYTES), 1)


def touched(count: int, top_k: int, tokens: float) -> float:
    """Return how many of `count` experts some of the tokens choose, on average and if all are as likely."""
    return count * (1.0 - (1.0 - top_k / count) ** tokens)
