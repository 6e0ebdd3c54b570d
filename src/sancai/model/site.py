"""A site: the way from the residual streams into a sublayer and back (DeepSeek-V4 report section 2.2).

z, p, M = collapse(X)                 # one input of N streams, and the coefficients of the way back
h       = modulate(RMSNorm(z))        # modulate: visual tokens only, by the noise level
y       = F(h)                        # the sublayer: attention or experts
X'_k    = p_k · y + Σ_j M_jk · X_j
"""

from dataclasses import dataclass

from torch import Tensor

from sancai.model.hyper_connection import HyperConnection
from sancai.model.linear import RMSNorm
from sancai.model.noise import UNCONDITIONED, Conditioning


@dataclass(frozen=True)
class Entered:
    """What `Site.enter` gives: hidden and normed (B, T, D), post (N, B, T), comb (N, N, B, T).

    hidden: the sublayer's input.  normed: the same before modulation, which routers read: they must not see σ.
    """

    hidden: Tensor
    normed: Tensor
    post: Tensor
    comb: Tensor


@dataclass(frozen=True)
class Site:
    """One sublayer's hyper-connection, norm and conditioning."""

    connection: HyperConnection
    norm: RMSNorm
    conditioning: Conditioning = UNCONDITIONED

    def enter(self, streams: Tensor) -> Entered:
        """Return the sublayer's input of streams (B, T, N, D)."""
        collapsed, post, comb = self.connection.collapse(streams, self.conditioning.logit_shift)
        normed = self.norm(collapsed)
        return Entered(self.conditioning.modulate(normed), normed, post, comb)

    def leave(self, streams: Tensor, entered: Entered, output: Tensor) -> Tensor:
        """Return the streams (B, T, N, D) after the sublayer gave `output` (B, T, D)."""
        return self.connection.expand(streams, output, entered.post, entered.comb)
