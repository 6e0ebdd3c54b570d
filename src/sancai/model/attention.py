"""One modality's attention weights in one layer (DeepSeek-V4 report section 2.3).

    q_lat = RMSNorm(W_qa h);   q = RMSNorm_per_head(W_qb q_lat);   k = v = RMSNorm(W_kv h);   RoPE on q and k
    o     = softmax over all keys, with a learned sink;   RoPE turned back
    out   = W_ob (W_oa o, in groups of heads)

Which keys there are and who may read them is the business of `joint_attention`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sancai.model.compressor import CSA_RATIO, Compressor
from sancai.model.config import ModelConfig
from sancai.model.indexer import Indexer
from sancai.model.linear import Linear, RMSNorm
from sancai.model.module import Module
from sancai.ops.attention import attention, sparse_attention
from sancai.ops.grouped_linear import grouped_linear
from sancai.ops.norm_rope import norm_rope
from sancai.ops.rope import rotate


@dataclass(frozen=True)
class Projected:
    """One modality's tokens: hidden (B, T, D), query latent (B, T, Q), query (B, T, H, K), key (B, T, K)."""

    hidden: Tensor
    latent: Tensor
    query: Tensor
    key: Tensor

    def columns(self, part: slice) -> "Projected":
        """Return some of the tokens."""
        return Projected(self.hidden[:, part], self.latent[:, part], self.query[:, part], self.key[:, part])


class Attention(Module):
    """Weights of one modality in one layer; ratio 0 attends to raw keys only, 4 is CSA, larger is HCA."""

    fp32 = ("attn_sink",)
    compiled = ("project", "attend", "project_output")

    def __init__(self, config: ModelConfig, ratio: int) -> None:
        super().__init__()
        heads, width = config.num_attention_heads, config.head_dim
        self.ratio, self.heads, self.width = ratio, heads, width
        self.groups, self.eps = config.o_groups, config.rms_norm_eps
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

    def reset_parameters(self, std: float, seed: int) -> None:
        """Start by adding nothing to the streams."""
        nn.init.zeros_(self.wo_b.weight)

    def project(self, hidden: Tensor, cos: Tensor, sin: Tensor) -> Projected:
        """Return rotated queries and keys of hidden (B, T, D); cos, sin (B, T, 1, R/2)."""
        latent = self.q_norm(self.wq_a(hidden))
        heads = self.wq_b(latent).unflatten(-1, (self.heads, self.width))
        query = norm_rope(heads, None, cos, sin, self.eps)
        key = norm_rope(self.wkv(hidden), self.kv_norm.weight, cos[:, :, 0], sin[:, :, 0], self.eps)
        return Projected(hidden, latent, query, key)

    def attend(self, query: Tensor, keys: Tensor, mask: Tensor, max_keys: int | None = None) -> Tensor:
        """Return the attention output (B, T, H, K) of queries (B, T, H, K) over keys (B, S, K), which are the values.

        Args:
            mask: (B, T, S) boolean, True = may be read.
            max_keys: most keys that a query reads, where they are few of many; None to read densely.
        """
        if max_keys is not None:
            return sparse_attention(query, keys, mask, self.attn_sink, max_keys)
        return attention(query, keys, mask, self.attn_sink)

    def project_output(self, out: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Rotate the output (B, T, H, K) back to position zero and project it to (B, T, D)."""
        turned = rotate(out, cos, -sin).flatten(-2)
        return self.wo_b(grouped_linear(turned, self.wo_a.dense(out.dtype), self.groups))
