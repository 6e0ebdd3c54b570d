"""Multi-token prediction: one more window-only block that looks two tokens ahead (report section 2)."""

from torch import Tensor

from sancai.model.block import Block, Pass, Streams, run_block
from sancai.model.config import ModelConfig
from sancai.model.hyper_connection import HyperHead
from sancai.model.linear import Linear, RMSNorm


class MTP(Block):
    """A block over text tokens fed by the final streams and the next token's embedding."""

    def __init__(self, config: ModelConfig, number: int) -> None:
        ratio = config.compress_ratios[config.num_hidden_layers + number]
        super().__init__(config, ratio, f"mtp.{number}", is_hash=False)
        dim, eps = config.hidden_size, config.rms_norm_eps
        self.ratio = ratio
        self.e_proj, self.h_proj = Linear(dim, dim), Linear(dim, dim)
        self.enorm, self.hnorm, self.norm = RMSNorm(dim, eps), RMSNorm(dim, eps), RMSNorm(dim, eps)
        self.hc_head = HyperHead(config)

    def forward(self, streams: Tensor, next_embedding: Tensor, step: Pass) -> Tensor:
        """Return hidden states (B, T, D) that predict the token after the next.

        Args:
            streams: (B, T, N, D), the text half's final streams.
            next_embedding: (B, T, D), embedding of each position's next token.
            step: a pass over the text tokens alone.
        """
        mixed = self.e_proj(self.enorm(next_embedding))[:, :, None] + self.h_proj(self.hnorm(streams))
        out, _ = run_block(self, None, {"text": Streams(mixed)}, self.ratio, None, step)
        return self.norm(self.hc_head(out["text"].settled()))
