"""Multi-token prediction: one more layer that looks two tokens ahead (DeepSeek-V4 report section 2)."""

from torch import Tensor

from sancai.model.config import ModelConfig
from sancai.model.context import ForwardContext
from sancai.model.decoder_layer import DecoderLayer
from sancai.model.hyper_connection import HyperHead
from sancai.model.linear import Linear, RMSNorm
from sancai.model.site import Residual


class MTP(DecoderLayer):
    """A decoder layer over text tokens, fed by the final streams and the next token's embedding.

    X0 = W_e · RMSNorm(E[next id]) in every stream + W_h · RMSNorm(X);   hidden = RMSNorm(HyperHead(layer(X0)))
    """

    def __init__(self, config: ModelConfig, number: int) -> None:
        ratio = config.compress_ratios[config.num_hidden_layers + number]
        super().__init__(config, ratio, f"mtp.{number}", is_hash=False)
        dim, eps = config.hidden_size, config.rms_norm_eps
        self.e_proj, self.h_proj = Linear(dim, dim), Linear(dim, dim)
        self.enorm, self.hnorm, self.norm = RMSNorm(dim, eps), RMSNorm(dim, eps), RMSNorm(dim, eps)
        self.hc_head = HyperHead(config)

    def predict(self, streams: Tensor, next_embedding: Tensor, context: ForwardContext) -> Tensor:
        """Return hidden states (B, T, D) that predict the token after the next.

        Args:
            streams: (B, T, N, D), the text tokens' final streams.
            next_embedding: (B, T, D), embedding of each position's next token.
            context: of a pass over the text tokens alone.
        """
        start = self.e_proj(self.enorm(next_embedding))[:, :, None] + self.h_proj(self.hnorm(streams))
        out, _ = self({"text": Residual(start)}, context)
        hidden, _ = out["text"].collapse(self.hc_head, self.norm)
        return hidden
