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
from sancai.ops.site import EnteredSite, Pending, SiteNoise, SiteWeights, site, site_head
from sancai.ops.streams import HyperSettings


class HyperConnection(Module):
    """The coefficients of one site."""

    fp32 = ("fn", "base", "scale")
    compiled = ("enter",)

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

    def enter(self, streams: Tensor, pending: Pending | None, norm: Tensor, noise: SiteNoise | None) -> EnteredSite:
        """Mix in what is pending, collapse the streams (B, T, N, D) and normalise; see `ops.site.site`.

        Args:
            norm: (D,), the norm's weight.
            noise: the conditioning by the noise level; None for text.
        """
        return site(streams, pending, SiteWeights(self.fn, self.base, self.scale, norm), noise, self.settings)


class HyperHead(Module):
    """Collapse the streams once, at the end."""

    fp32 = ("fn", "base", "scale")

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        n = config.hc_mult
        self.settings = HyperSettings(config.hc_sinkhorn_iters, config.hc_eps, config.rms_norm_eps)
        self.fn = nn.Parameter(torch.empty(n, n * config.hidden_size, dtype=torch.float32))
        self.base = nn.Parameter(torch.empty(n, dtype=torch.float32))
        self.scale = nn.Parameter(torch.empty(1, dtype=torch.float32))

    def reset_parameters(self, std: float, seed: int) -> None:
        """Start as an average of the streams."""
        nn.init.normal_(self.fn, std=std)
        nn.init.constant_(self.scale, 0.01)
        count = self.base.numel()
        nn.init.constant_(self.base, -math.log(count - 1) if count > 1 else 4.0)

    def forward(self, streams: Tensor, pending: Pending | None, norm: Tensor) -> tuple[Tensor | None, Tensor]:
        """Return the mixed streams (B, T, N, D), None if nothing was pending, and final hidden states (B, T, D)."""
        return site_head(streams, pending, SiteWeights(self.fn, self.base, self.scale, norm), self.settings)
