"""Sinkhorn normalisation of small square maps, as in DeepSeek-V4's hyper-connections."""

from torch import Tensor

from sancai.ops.dispatch import operator
from sancai.ops.precision import upcast
from sancai.ops.samples import sinkhorn_samples


@operator("sinkhorn", sinkhorn_samples, prefer_compiled=True)
def sinkhorn(logits: Tensor, iterations: int, eps: float) -> Tensor:
    """Return nearly doubly stochastic matrices of logits (N, N, ...), in fp32: row, column, then tokens.

    Row softmax plus eps, then columns; then `iterations - 1` times rows and columns.  The last
    step is over columns, so column sums are exact and row sums approximate.  Tokens lie last because
    sums over N numbers side by side do not vectorise.
    """
    matrix = upcast(logits).softmax(1) + eps
    matrix = matrix / (matrix.sum(0, keepdim=True) + eps)
    for _ in range(iterations - 1):
        matrix = matrix / (matrix.sum(1, keepdim=True) + eps)
        matrix = matrix / (matrix.sum(0, keepdim=True) + eps)
    return matrix
