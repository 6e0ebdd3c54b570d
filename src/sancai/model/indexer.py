"""Lightning indexer: scores that choose which CSA entries a query reads (report eqs 13-17)."""

from torch import Tensor, nn

from sancai.model.compressor import CSA_RATIO, Compressor
from sancai.model.config import ModelConfig
from sancai.model.linear import Linear
from sancai.ops.precision import upcast
from sancai.ops.rope import rotate


class Indexer(nn.Module):
    """Small ReLU attention over its own compressed keys."""

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
            latent: (B, T, q_lora_rank) normalised query latent.
            cos, sin: (B, T, 1, R/2) at the queries.
        """
        query = rotate(self.wq_b(latent).unflatten(-1, (self.heads, self.dim)), cos, sin)
        return query, upcast(self.weights_proj(hidden)) * (self.dim**-0.5 * self.heads**-0.5)
