"""Which tensors DeepSeek's own files of a model hold: names, element types and shapes, without any weights.

Official layout (v4 release): bf16 embeddings, norms, routers and compressors; fp32 hyper-connections, sinks
and position biases; fp8 matrices with e8m0 scales of 128 × 128 blocks; routed experts in fp4 with scales of
32 columns (fp8 in the Base models).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Literal

from sancai.model import CSA_RATIO, ModelConfig
from sancai.ops.quantisation import BLOCK, GROUP

Element = Literal["BF16", "F32", "I64", "I8", "F8_E4M3", "F8_E8M0"]
ExpertFormat = Literal["fp4", "fp8"]
ELEMENT_BYTES: dict[Element, int] = {"BF16": 2, "F32": 4, "I64": 8, "I8": 1, "F8_E4M3": 1, "F8_E8M0": 1}


@dataclass(frozen=True)
class TensorSpec:
    """One tensor of a file."""

    name: str
    element: Element
    shape: tuple[int, ...]

    @property
    def num_bytes(self) -> int:
        return prod(self.shape) * ELEMENT_BYTES[self.element]


def official_layout(config: ModelConfig, experts: ExpertFormat = "fp4") -> Iterator[TensorSpec]:
    """Yield every tensor of the text half's official files."""
    return _Layout(config, experts).all()


class _Layout:
    """The layout of one configuration."""

    def __init__(self, config: ModelConfig, experts: ExpertFormat) -> None:
        self.c, self.experts = config, experts

    def all(self) -> Iterator[TensorSpec]:
        c = self.c
        yield TensorSpec("embed.weight", "BF16", (c.vocab_size, c.hidden_size))
        yield TensorSpec("head.weight", "BF16", (c.vocab_size, c.hidden_size))
        yield self._norm("norm", c.hidden_size)
        yield from self._hyper("hc_head", c.hc_mult, 1)
        for number, ratio in enumerate(c.compress_ratios):
            is_mtp = number >= c.num_hidden_layers
            prefix = f"mtp.{number - c.num_hidden_layers}" if is_mtp else f"layers.{number}"
            yield from self._block(prefix, ratio, number < c.num_hash_layers and not is_mtp)
            if is_mtp:
                yield from self._mtp(prefix)

    def _block(self, prefix: str, ratio: int, is_hash: bool) -> Iterator[TensorSpec]:
        c, sites = self.c, (2 + self.c.hc_mult) * self.c.hc_mult
        for site in ("attn", "ffn"):
            yield self._norm(f"{prefix}.{site}_norm", c.hidden_size)
            yield from self._hyper(f"{prefix}.hc_{site}", sites, 3)
        yield from self._attention(f"{prefix}.attn", ratio)
        yield from self._ffn(f"{prefix}.ffn", is_hash)

    def _attention(self, prefix: str, ratio: int) -> Iterator[TensorSpec]:
        c = self.c
        heads = c.num_attention_heads * c.head_dim
        yield from self._fp8(f"{prefix}.wq_a", c.q_lora_rank, c.hidden_size)
        yield self._norm(f"{prefix}.q_norm", c.q_lora_rank)
        yield from self._fp8(f"{prefix}.wq_b", heads, c.q_lora_rank)
        yield from self._fp8(f"{prefix}.wkv", c.head_dim, c.hidden_size)
        yield self._norm(f"{prefix}.kv_norm", c.head_dim)
        yield from self._fp8(f"{prefix}.wo_a", c.o_groups * c.o_lora_rank, heads // c.o_groups)
        yield from self._fp8(f"{prefix}.wo_b", c.hidden_size, c.o_groups * c.o_lora_rank)
        yield TensorSpec(f"{prefix}.attn_sink", "F32", (c.num_attention_heads,))
        if ratio:
            yield from self._compressor(f"{prefix}.compressor", ratio, c.head_dim)
        if ratio == CSA_RATIO:
            yield from self._fp8(f"{prefix}.indexer.wq_b", c.index_n_heads * c.index_head_dim, c.q_lora_rank)
            yield TensorSpec(f"{prefix}.indexer.weights_proj.weight", "BF16", (c.index_n_heads, c.hidden_size))
            yield from self._compressor(f"{prefix}.indexer.compressor", ratio, c.index_head_dim)

    def _compressor(self, prefix: str, ratio: int, dim: int) -> Iterator[TensorSpec]:
        width = dim * (2 if ratio == CSA_RATIO else 1)
        for name in ("wkv", "wgate"):
            yield TensorSpec(f"{prefix}.{name}.weight", "BF16", (width, self.c.hidden_size))
        yield TensorSpec(f"{prefix}.ape", "F32", (ratio, width))
        yield self._norm(f"{prefix}.norm", dim)

    def _ffn(self, prefix: str, is_hash: bool) -> Iterator[TensorSpec]:
        c, inter = self.c, self.c.moe_intermediate_size
        yield TensorSpec(f"{prefix}.gate.weight", "BF16", (c.n_routed_experts, c.hidden_size))
        if is_hash:
            yield TensorSpec(f"{prefix}.gate.tid2eid", "I64", (c.vocab_size, c.num_experts_per_tok))
        else:
            yield TensorSpec(f"{prefix}.gate.bias", "F32", (c.n_routed_experts,))
        packed = self._fp4 if self.experts == "fp4" else self._fp8
        for number in range(c.n_routed_experts):
            for name, rows, columns in self._swiglu(inter):
                yield from packed(f"{prefix}.experts.{number}.{name}", rows, columns)
        for name, rows, columns in self._swiglu(inter * c.n_shared_experts):
            yield from self._fp8(f"{prefix}.shared_experts.{name}", rows, columns)

    def _swiglu(self, inter: int) -> tuple[tuple[str, int, int], ...]:
        dim = self.c.hidden_size
        return ("w1", inter, dim), ("w2", dim, inter), ("w3", inter, dim)

    def _mtp(self, prefix: str) -> Iterator[TensorSpec]:
        dim = self.c.hidden_size
        for name in ("e_proj", "h_proj"):
            yield from self._fp8(f"{prefix}.{name}", dim, dim)
        for name in ("enorm", "hnorm", "norm"):
            yield self._norm(f"{prefix}.{name}", dim)
        yield from self._hyper(f"{prefix}.hc_head", self.c.hc_mult, 1)

    def _norm(self, prefix: str, dim: int) -> TensorSpec:
        return TensorSpec(f"{prefix}.weight", "BF16", (dim,))

    def _hyper(self, prefix: str, outputs: int, scales: int) -> Iterator[TensorSpec]:
        yield TensorSpec(f"{prefix}_fn", "F32", (outputs, self.c.hc_mult * self.c.hidden_size))
        yield TensorSpec(f"{prefix}_base", "F32", (outputs,))
        yield TensorSpec(f"{prefix}_scale", "F32", (scales,))

    def _fp8(self, prefix: str, rows: int, columns: int) -> Iterator[TensorSpec]:
        yield TensorSpec(f"{prefix}.weight", "F8_E4M3", (rows, columns))
        yield TensorSpec(f"{prefix}.scale", "F8_E8M0", (-(-rows // BLOCK), -(-columns // BLOCK)))

    def _fp4(self, prefix: str, rows: int, columns: int) -> Iterator[TensorSpec]:
        yield TensorSpec(f"{prefix}.weight", "I8", (rows, columns // 2))
        yield TensorSpec(f"{prefix}.scale", "F8_E8M0", (rows, columns // GROUP))
