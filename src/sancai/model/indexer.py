"""Lightning indexer: chooses which CSA entries a query reads (DeepSeek-V4 report, equations 13-17).

    Q = RoPE(W_qb q_lat);   w = W_w h / sqrt(I · H_I);   score_i = Σ_h w_h · relu(Q_h · κ_i);   the best k are read

The choice has no gradient, so the indexer learns from a loss of its own (`indexer_loss`).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from sancai.model.compressor import CSA_RATIO, Compressor
from sancai.model.config import ModelConfig
from sancai.model.linear import Linear
from sancai.model.module import Module
from sancai.ops.attention import MASKED
from sancai.ops.precision import upcast
from sancai.ops.rope import rotate


@dataclass(frozen=True)
class MaskedKeys:
    """Keys (B, S, K) and who may read them: mask (B, T, S) boolean."""

    keys: Tensor
    mask: Tensor


class Indexer(Module):
    """Small ReLU attention over its own compressed keys κ (B, M, I)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads, self.dim, self.topk = config.index_n_heads, config.index_head_dim, config.index_topk
        self.wq_b = Linear(config.q_lora_rank, self.heads * self.dim)
        self.weights_proj = Linear(config.hidden_size, self.heads)
        self.compressor = Compressor(config, CSA_RATIO, self.dim)

    def project(self, hidden: Tensor, latent: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
        """Return rotated queries (B, T, H, I) and the weights of their heads (B, T, H) in fp32.

        Args:
            hidden: (B, T, D) layer input.
            latent: (B, T, Q) normalised query latent.
            cos, sin: (B, T, 1, R/2) at the queries.
        """
        query = rotate(self.wq_b(latent).unflatten(-1, (self.heads, self.dim)), cos, sin)
        return query, upcast(self.weights_proj(hidden)) * (self.dim**-0.5 * self.heads**-0.5)


@torch.no_grad()
def attention_to_entries(query: Tensor, raw: MaskedKeys, entries: MaskedKeys, sink: Tensor) -> Tensor:
    """Return how the joint attention to entries is shared among them, (B, T, M) fp32: what the indexer should predict.

    Args:
        query: (B, T, H, K).
        raw, entries: the keys that share the softmax.
        sink: (H,) fp32 logits.
    """
    scaled = upcast(query) * query.shape[-1] ** -0.5
    near, far = (
        torch.einsum("bthk,bsk->bhts", scaled, upcast(part.keys)).masked_fill(~part.mask[:, None], MASKED)
        for part in (raw, entries)
    )
    column = sink.view(1, -1, 1, 1).expand(*near.shape[:3], 1)
    attended = torch.cat([near, far, column], -1).softmax(-1)[..., near.shape[-1] : -1].sum(1)
    return attended / attended.sum(-1, keepdim=True).clamp(min=1e-20)


def indexer_loss(scores: Tensor, target: Tensor, visible: Tensor) -> Tensor:
    """Return the mean KL divergence (nats) from the target to the softmax of the index scores.

    Args:
        scores: (B, T, M), which get the gradient.
        target: (B, T, M), what `attention_to_entries` gave.
        visible: (B, T, M) boolean, entries that a query may read; queries without any do not count.
    """
    predicted = scores.masked_fill(~visible, MASKED).log_softmax(-1)
    divergence = (target * (target.clamp(min=1e-20).log() - predicted)).sum(-1)
    has_any = visible.any(-1)
    return (divergence * has_any).sum() / has_any.sum().clamp(min=1)
