"""Manifold-constrained hyper-connections (mHC): N residual streams around every sublayer.

DeepSeek-V4 report section 2.2.  Coefficients come from the normalised streams, in fp32:
`pre` (N) collapses the streams into the sublayer's input, `post` (N) spreads its output, `comb` (N, N),
nearly doubly stochastic by Sinkhorn, mixes the streams.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sancai.model.config import ModelConfig
from sancai.model.linear import RMSNorm
from sancai.ops.site import Pending, SiteNoise, SiteWeights, site
from sancai.ops.streams import HyperSettings, mix, project_streams, weigh


@dataclass(frozen=True)
class Entrance:
    """What a sublayer begins with.

    streams: (B, T, N, D).  normed, read: its input (B, T, D) without and with the noise level.
    post, comb: how its output will go into the streams, as `Pending` takes them.
    """

    streams: Tensor
    normed: Tensor
    read: Tensor
    post: Tensor
    comb: Tensor

    def pending(self, output: Tensor) -> Pending:
        """Return the sublayer's output (B, T, D) as what the next site mixes in."""
        return Pending(output, self.post, self.comb)


class HyperConnection(nn.Module):
    """One site: `enter` before the sublayer, `expand` after it."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        n = self.n = config.hc_mult
        self.settings = HyperSettings(config.hc_sinkhorn_iters, config.hc_eps, config.rms_norm_eps)
        self.fn = nn.Parameter(torch.empty((2 + n) * n, n * config.hidden_size, dtype=torch.float32))
        self.base = nn.Parameter(torch.empty((2 + n) * n, dtype=torch.float32))
        self.scale = nn.Parameter(torch.empty(3, dtype=torch.float32))

    def reset(self, std: float) -> None:
        """Start near a plain residual: averaging collapse, unit spread, near-identity mixing."""
        n = self.n
        nn.init.normal_(self.fn, std=std)
        nn.init.constant_(self.scale, 0.01)
        with torch.no_grad():
            self.base[:n] = -math.log(n - 1) if n > 1 else 4.0
            self.base[n : 2 * n] = 0.0
            near = torch.eye(n, device=self.base.device, dtype=self.base.dtype)
            self.base[2 * n :] = (8 * near - 4).flatten()

    def enter(self, streams: Tensor, pending: Pending | None, norm: RMSNorm, noise: SiteNoise | None) -> Entrance:
        """Return the sublayer's input, and the streams (B, T, N, D) with what the sublayer before gave mixed in.

        noise: the noise level's way in; None for text.
        """
        weights = SiteWeights(self.fn, self.base, self.scale, norm.weight)
        mixed, normed, read, post, comb = site(streams, pending, weights, noise, self.settings)
        whole = streams if mixed is None else mixed
        return Entrance(whole, normed, normed if read is None else read, post, comb)

    @staticmethod
    def expand(streams: Tensor, output: Tensor, post: Tensor, comb: Tensor) -> Tensor:
        """Return the new streams: post_k · output + Σ_j comb_jk · stream_j."""
        return mix(comb, streams, post, output)


class HyperHead(nn.Module):
    """Collapse the streams once, at the end."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        n, self.eps, self.hc_eps = config.hc_mult, config.rms_norm_eps, config.hc_eps
        self.fn = nn.Parameter(torch.empty(n, n * config.hidden_size, dtype=torch.float32))
        self.base = nn.Parameter(torch.empty(n, dtype=torch.float32))
        self.scale = nn.Parameter(torch.empty(1, dtype=torch.float32))

    def reset(self, std: float) -> None:
        """Start as an average of the streams."""
        nn.init.normal_(self.fn, std=std)
        nn.init.constant_(self.scale, 0.01)
        count = self.base.numel()
        nn.init.constant_(self.base, -math.log(count - 1) if count > 1 else 4.0)

    def forward(self, streams: Tensor) -> Tensor:
        """Return (..., D) of streams (..., N, D)."""
        logits = project_streams(streams, self.fn, self.eps) * self.scale + self.base[:, None, None]
        return weigh(logits.sigmoid() + self.hc_eps, streams)
