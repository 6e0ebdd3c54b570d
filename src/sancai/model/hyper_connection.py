"""Manifold-constrained hyper-connections (mHC): N residual streams around every sublayer.

DeepSeek-V4 report section 2.2.  Coefficients come from the normalised streams, in fp32:
`pre` (N) collapses the streams into the sublayer's input, `post` (N) spreads its output, `comb` (N, N),
nearly doubly stochastic by Sinkhorn, mixes the streams.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sancai.model.config import ModelConfig
from sancai.ops.norm import rms_scale
from sancai.ops.precision import wide
from sancai.ops.sinkhorn import sinkhorn
from sancai.ops.streams import mix, weigh


def project_streams(streams: Tensor, fn: Tensor, eps: float) -> Tensor:
    """Return fn · v / rms(v) for v = flattened streams (B, T, N, D), as (outputs, B, T) in fp32.

    The product runs in the dtype of the streams (its sums in fp32), everything after it in fp32.
    """
    flat = streams.flatten(0, 1).flatten(1)
    projected = wide(F.linear(fn.to(flat.dtype), flat)) * rms_scale(flat, eps)[:, 0]
    return projected.unflatten(1, streams.shape[:2])


class HyperConnection(nn.Module):
    """One site: `collapse` before the sublayer, `expand` after it."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        n = self.n = config.hc_mult
        self.iterations, self.hc_eps, self.eps = config.hc_sinkhorn_iters, config.hc_eps, config.rms_norm_eps
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

    def collapse(self, streams: Tensor, shift: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Return the sublayer input (B, T, D), post (N, B, T) and comb (N, N, B, T) of streams (B, T, N, D).

        shift: (B, T, (2+N)N), added to the logits, the noise level's way in; None for text.
        """
        n = self.n
        raw = project_streams(streams, self.fn, self.eps)
        logits = raw * self._scales()[:, None, None] + self.base[:, None, None]
        if shift is not None:
            logits = logits + shift.movedim(-1, 0)
        pre = logits[:n].sigmoid() + self.hc_eps
        post = 2 * logits[n : 2 * n].sigmoid()
        comb = sinkhorn(logits[2 * n :].unflatten(0, (n, n)), self.iterations, self.hc_eps)
        return weigh(pre, streams), post, comb

    def _scales(self) -> Tensor:
        n = self.n
        pre, post, comb = self.scale.unbind()
        return torch.cat([pre.expand(n), post.expand(n), comb.expand(n * n)])

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
