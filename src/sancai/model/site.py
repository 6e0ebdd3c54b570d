"""A site: the way from the residual streams into a sublayer and back (DeepSeek-V4 report section 2.2).

z, p, M = collapse(X)                 # one input of N streams, and the coefficients of the way back
h       = modulate(RMSNorm(z))        # modulate: visual tokens only, by the noise level
y       = F(h)                        # the sublayer: attention or experts
X'_k    = p_k · y + Σ_j M_jk · X_j    # left pending until the next site enters, so that one kernel does both
"""

from dataclasses import dataclass

from torch import Tensor

from sancai.model.hyper_connection import HyperConnection, HyperHead
from sancai.model.linear import RMSNorm
from sancai.ops.site import Pending, SiteNoise


@dataclass(frozen=True)
class Residual:
    """Residual streams X (B, T, N, D), and what the last sublayer gave, which the next site mixes in."""

    streams: Tensor
    pending: Pending | None = None

    def columns(self, part: slice) -> "Residual":
        """Return some of the tokens."""
        if self.pending is None:
            return Residual(self.streams[:, part])
        output, post, comb = self.pending
        return Residual(self.streams[:, part], Pending(output[:, part], post[..., part], comb[..., part]))

    def collapse(self, head: HyperHead, norm: RMSNorm) -> tuple[Tensor, Tensor]:
        """Return the final hidden states (B, T, D), and the streams (B, T, N, D) with everything mixed in."""
        mixed, hidden = head(self.streams, self.pending, norm.weight)
        return hidden, self.streams if mixed is None else mixed


@dataclass(frozen=True)
class Entered:
    """What `Site.enter` gives: hidden and normed (B, T, D), streams (B, T, N, D), post (N, B, T), comb (N, N, B, T).

    hidden: the sublayer's input.  normed: the same before modulation, which routers read: they must not see σ.
    """

    streams: Tensor
    hidden: Tensor
    normed: Tensor
    post: Tensor
    comb: Tensor


@dataclass(frozen=True)
class Site:
    """One sublayer's hyper-connection, norm and, for visual tokens, conditioning."""

    connection: HyperConnection
    norm: RMSNorm
    noise: SiteNoise | None = None

    def enter(self, residual: Residual) -> Entered:
        """Return the sublayer's input, and the streams without anything pending."""
        mixed, normed, modulated, post, comb = self.connection.enter(
            residual.streams, residual.pending, self.norm.weight, self.noise
        )
        streams = residual.streams if mixed is None else mixed
        return Entered(streams, normed if modulated is None else modulated, normed, post, comb)

    def leave(self, entered: Entered, output: Tensor) -> Residual:
        """Return the streams after the sublayer gave `output` (B, T, D)."""
        return Residual(entered.streams, Pending(output, entered.post, entered.comb))
