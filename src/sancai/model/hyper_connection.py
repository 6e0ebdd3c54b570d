"""Manifold-constrained hyper-connections (mHC): N residual streams around every sublayer.

DeepSeek-V4 report section 2.2.  Coefficients come from the normalised streams, in fp32:
`pre` (N) collapses the streams into the sublayer's input, `post` (N) spreads its output, `comb` (N, N),
nearly doubly stochastic by Sinkhorn, mixes the streams.
"""

import math

import torch
from torch import Tensor, nn

from sancai.model.config import ModelConfig
from sancai.model.module import Module
from sancai.ops.streams import HyperSettings, hyper_pre, mix, project_streams, weigh


class HyperConnection(Module):
    """One site: `collapse` before the sublayer, `expand` after it."""

    fp32 = ("fn", "base", "scale")
    compiled = ("collapse", "expand")

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        n = self.n = config.hc_mult
        self.settings = HyperSettings(config.hc_sinkhorn_iters, config.hc_eps, config.rms_norm_eps)
        self.fn = nn.Parameter(torch.empty((2 + n) * n, n * config.hidden_size, dtype=torch.float32))
        self.base = nn.Parameter(torch.empty((2 + n) * n, dtype=torch.float32))
        self.scale = nn.Parameter(torch.empty(3, dtype=torch.float32))

    def reset_parameters(self, std: float, seed: int) -> None:
        """Start near a plain residual: averaging collapse, unit spread, near-identity mixing."""
        n = self.n
        nn.init.normal_(self.fn, std=std)
        nn.init.constant_(self.scale, 0.01)
        with torch.no_grad():
            self.base[:n] = -math.log(n - 1) if n > 1 else 4.0
            self.base[n : 2 * n] = 0.0
            near = torch.eye(n, device=self.base.device, dtype=self.base.dtype)
            self.base[2 * n :] = (8 * near - 4).flatten()

    def collapse(self, streams: Tensor, logit_shift: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Return the sublayer input (B, T, D), post (N, B, T) and comb (N, N, B, T) of streams (B, T, N, D).

        logit_shift: (B, T, (2+N)N) fp32, added to the coefficients' logits; None for none.
        """
        return hyper_pre(streams, self.fn, self.base, self.scale, logit_shift, self.settings)

    @staticmethod
    def expand(streams: Tensor, output: Tensor, post: Tensor, comb: Tensor) -> Tensor:
        """Return the new streams (B, T, N, D): post_k · output + Σ_j comb_jk · stream_j."""
        return mix(comb, streams, post, output)


class HyperHead(Module):
    """Collapse the streams once, at the end."""

    fp32 = ("fn", "base", "scale")

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        n, self.eps, self.hc_eps = config.hc_mult, config.rms_norm_eps, config.hc_eps
        self.fn = nn.Parameter(torch.empty(n, n * config.hidden_size, dtype=torch.float32))
        self.base = nn.Parameter(torch.empty(n, dtype=torch.float32))
        self.scale = nn.Parameter(torch.empty(1, dtype=torch.float32))

    def reset_parameters(self, std: float, seed: int) -> None:
        """Start as an average of the streams."""
        nn.init.normal_(self.fn, std=std)
        nn.init.constant_(self.scale, 0.01)
        count = self.base.numel()
        nn.init.constant_(self.base, -math.log(count - 1) if count > 1 else 4.0)

    def forward(self, streams: Tensor) -> Tensor:
        """Return (B, T, D) of streams (B, T, N, D)."""
        logits = project_streams(streams, self.fn, self.eps) * self.scale + self.base[:, None, None]
        return weigh(logits.sigmoid() + self.hc_eps, streams)
