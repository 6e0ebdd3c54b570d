"""The size of a DeepSeek-V4 model: parameters, bytes of its files, bytes of its KV cache.

The KV cache is that of a serving layout (V4 report, section 3.5): a row of fp8 values with bf16 rotary channels and one
scale per 64 values, padded to 8 bytes; index keys in fp4 with one scale per 32 values.
"""

import re
from dataclasses import dataclass
from math import prod

from sancai.checkpoint.layout import ExpertFormat, TensorSpec, official_layout
from sancai.model import CSA_RATIO, ModelConfig

_EXPERT = re.compile(r"\.ffn\.experts\.\d+\.")
_NOT_PARAMETERS = (".scale", ".tid2eid", ".gate.bias")
SCALE_GROUP, INDEX_GROUP, ROW_MULTIPLE = 64, 32, 8


@dataclass(frozen=True)
class ModelSizes:
    """Sizes of a text model.

    parameters: all, including the MTP block.
    backbone: without the MTP block.
    active: used for one token, without the input embedding and the MTP block.
    weight_bytes: bytes of the official files.
    """

    config: ModelConfig
    parameters: int
    backbone: int
    active: int
    weight_bytes: int

    def cache_bytes(self, tokens: int) -> int:
        """Return the KV cache of one sequence of `tokens` tokens, in bytes."""
        grows = sum((tokens // ratio) * size for ratio, size in self._entries())
        config = self.config
        return grows + config.num_hidden_layers * min(tokens, config.sliding_window) * row_bytes(config)

    @property
    def cache_bytes_per_token(self) -> float:
        """Bytes that each further token of a long sequence adds."""
        return sum(size / ratio for ratio, size in self._entries())

    def _entries(self) -> list[tuple[int, int]]:
        """Return (compression ratio, bytes of an entry) of each compressed layer; CSA layers add an index key."""
        c = self.config
        row, key = row_bytes(c), c.index_head_dim // 2 + c.index_head_dim // INDEX_GROUP
        ratios = c.compress_ratios[: c.num_hidden_layers]
        return [(r, row + (key if r == CSA_RATIO else 0)) for r in ratios if r]


def row_bytes(config: ModelConfig) -> int:
    """Return the bytes of one cached key: fp8 values, bf16 rotary channels, scales, padding."""
    plain = config.head_dim - config.qk_rope_head_dim
    size = plain + 2 * config.qk_rope_head_dim + -(-plain // SCALE_GROUP)
    return -(-size // ROW_MULTIPLE) * ROW_MULTIPLE


def model_sizes(config: ModelConfig, experts: ExpertFormat = "fp4") -> ModelSizes:
    """Return the sizes of an architecture, from the layout of its files."""
    total = backbone = active = weight_bytes = 0
    share = config.num_experts_per_tok / config.n_routed_experts
    for spec in official_layout(config, experts):
        weight_bytes += spec.num_bytes
        count = _parameter_count(spec)
        total += count
        if spec.name.startswith("mtp."):
            continue
        backbone += count
        if spec.name != "embed.weight":
            active += round(count * share) if _EXPERT.search(spec.name) else count
    return ModelSizes(config, total, backbone, active, weight_bytes)


def _parameter_count(spec: TensorSpec) -> int:
    """Return the number of parameters in a tensor: two per byte of fp4, none in scales and hash-routing tables."""
    if spec.name.endswith(_NOT_PARAMETERS):
        return 0
    return prod(spec.shape) * (2 if spec.element == "I8" else 1)
