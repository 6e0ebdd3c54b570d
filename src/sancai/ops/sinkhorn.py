"""Sinkhorn normalisation of small square matrices, for DeepSeek-V4's manifold-constrained hyper-connections (mHC)."""

from torch import Tensor

from sancai.ops.dispatch import operator
from sancai.ops.precision import upcast
from sancai.ops.samples import sinkhorn_samples


@operator("sinkhorn", sinkhorn_samples, prefer_compiled=True)
def sinkhorn(logits: Tensor, iterations: int, eps: float) -> Tensor:
    """Return nearly doubly stochastic matrices (N, N, ...) of logits (N, N, ...) in fp32; token dimensions are last.

    A row softmax plus eps, then a division by column sums; then `iterations - 1` divisions by row and column sums.
    The last step divides by column sums, so these are exact and row sums approximate.  Token dimensions are last
    because sums over N adjacent numbers do not vectorise.
    """
    matrix = upcast(logits).softmax(1) + eps
    matrix = matrix / (matrix.sum(0, keepdim=True) + eps)
    for _ in range(iterations - 1):
        matrix = matrix / (matrix.sum(1, keepdim=True) + eps)
        matrix = matrix / (matrix.sum(0, keepdim=True) + eps)
    return matrix
