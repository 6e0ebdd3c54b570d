"""The Ascend backend: fused operators of torch-npu 2.13 (`torch.ops.npu`).

Signatures and formulas are those that the torch-npu 2.13.0 wheel declares and documents.  No such chip was available:
the tests run this file against the documented formulas on a CPU, and verification on the machine itself decides
whether an operator is used.  The router's sqrt(softplus), norm type 2, is documented for the 950 only and for the
second version of the operator (cann/ops-transformer, aclnnMoeGatingTopKV2); verification shows whether the first
version, which torch-npu calls here, supports it.

The lightning indexer has no kernel here: `npu_lightning_indexer` supports causal masks or none, not the visibility of
single blocks, and does not document how ties are broken (here the latest entry wins).
"""

import functools
import importlib.metadata
import importlib.util

import torch
import torch.nn.functional as F
from torch import Tensor

from sancai.ops.backends.ascend_attention import SPARSE_ATTENTION
from sancai.ops.backends.ascend_launch import HALF, Arguments, Gradients, Tensors, npu_operator
from sancai.ops.dispatch import Backend, Kernel
from sancai.ops.grouped_matmul import TILE, GroupedRows
from sancai.ops.precision import upcast
from sancai.ops.quantisation import PackedStack
from sancai.ops.streams import HyperSettings

LIBRARY = "torch-npu"
DEVICE = "npu"
DTYPES = (*HALF, torch.float32)
STREAMS = (4, 6, 8)
MAX_ITERATIONS = 100
MAX_GROUPS = 1024
MAX_EXPERTS = 2048
"""Largest number of experts that the router operator supports."""
SQRT_SOFTPLUS = 2
TINY = 1e-20
MAX_INNER = 65535
"""Largest last dimension of a grouped product."""


def unavailable_reason(device: torch.device) -> str | None:
    """Return why Ascend's operators cannot run on a device, or None."""
    if device.type != DEVICE:
        return "Ascend's operators are for its own chips"
    if importlib.util.find_spec("torch_npu") is None:
        return "torch-npu is not installed"
    return None


def version() -> str:
    """Return torch-npu's version."""
    return importlib.metadata.version(LIBRARY)


# -- norm and activation -----------------------------------------------------------------------------------------------


def _norm_supports(x: Tensor, weight: Tensor | None, eps: float) -> bool:
    return x.dtype in DTYPES and 2 <= x.dim() <= 8 and x.numel() > 0


def _norm_weight(x: Tensor, weight: Tensor | None) -> Tensor:
    """Return the weight in the dtype of x, which the operator asks for."""
    return x.new_ones(x.shape[-1]) if weight is None else weight.to(x.dtype)


def _norm(x: Tensor, weight: Tensor | None, eps: float) -> tuple[Tensor, Tensors]:
    out, inverse = npu_operator("npu_rms_norm")(x, _norm_weight(x, weight), eps)
    return out, (inverse,)


def _norm_backward(args: Arguments, kept: Tensors, gradients: Gradients) -> Arguments:
    x, weight, _ = args
    gamma = _norm_weight(x, weight)
    to_x, to_gamma = npu_operator("npu_rms_norm_backward")(gradients[0], x, gamma, kept[0])
    return to_x, None if weight is None else to_gamma.to(weight.dtype), None


def _swiglu_supports(gate: Tensor, up: Tensor, limit: float) -> bool:
    return gate.dtype in DTYPES and gate.dtype == up.dtype and gate.dim() >= 2 and gate.numel() > 0


def _swiglu(gate: Tensor, up: Tensor, limit: float) -> tuple[Tensor, Tensors]:
    joined = torch.cat([gate, up], -1)
    clipped = npu_operator("npu_clipped_swiglu")
    return clipped(joined, dim=-1, alpha=1.0, limit=limit, bias=0.0, interleaved=False), ()


def _swiglu_backward(args: Arguments, kept: Tensors, gradients: Gradients) -> Arguments:
    """Return the gradients of SwiGLU at the clipped inputs, zero where an input was clipped."""
    gate, up, limit = args
    joined = torch.cat([gate.clamp(max=limit), up.clamp(-limit, limit)], -1)
    to_gate, to_up = npu_operator("npu_swiglu_backward")(gradients[0], joined, -1).chunk(2, -1)
    return to_gate * (gate <= limit), to_up * (up.abs() <= limit), None


# -- hyper-connections -------------------------------------------------------------------------------------------------


def _tokens_first(coefficients: Tensor) -> Tensor:
    """Return (B, T, N) or (B, T, N, N) of coefficients (N, B, T) or (N, N, B, T)."""
    return (coefficients.permute(1, 2, 0) if coefficients.dim() == 3 else coefficients.permute(2, 3, 0, 1)).contiguous()


def _tokens_last(coefficients: Tensor) -> Tensor:
    """Undo `_tokens_first`."""
    return coefficients.permute(2, 0, 1) if coefficients.dim() == 3 else coefficients.permute(2, 3, 0, 1)


def _sinkhorn_supports(logits: Tensor, iterations: int, eps: float) -> bool:
    square = logits.dim() == 4 and logits.shape[0] in STREAMS and logits.numel() > 0
    return square and logits.dtype == torch.float32 and 1 <= iterations <= MAX_ITERATIONS


def _sinkhorn(logits: Tensor, iterations: int, eps: float) -> tuple[Tensor, Tensors]:
    square = _tokens_first(logits)
    out, norms, sums = npu_operator("npu_mhc_sinkhorn")(square, eps=eps, num_iters=iterations, out_flag=1)
    return _tokens_last(out), (norms, sums)


def _sinkhorn_backward(args: Arguments, kept: Tensors, gradients: Gradients) -> Arguments:
    given = gradients[0]
    assert given is not None
    return _tokens_last(npu_operator("npu_mhc_sinkhorn_backward")(_tokens_first(given), *kept)), None, None


def _pre_supports(
    streams: Tensor, fn: Tensor, base: Tensor, scale: Tensor, shift: Tensor | None, settings: HyperSettings
) -> bool:
    """Return whether the operator supports the call; it has no argument for the noise conditioning (`shift`)."""
    fits = streams.dtype in HALF and streams.shape[2] in STREAMS and streams.numel() > 0
    weights = all(w.dtype == torch.float32 for w in (fn, base, scale))
    return fits and weights and shift is None and 1 <= settings.iterations <= MAX_ITERATIONS


def _pre(
    streams: Tensor, fn: Tensor, base: Tensor, scale: Tensor, shift: Tensor | None, settings: HyperSettings
) -> tuple[Tensors, Tensors]:
    """Return the sublayer's input, post and comb; the operator gives comb before Sinkhorn."""
    hidden, post, logits, inverse, mixed, pre = npu_operator("npu_mhc_pre")(
        streams, fn, scale, base, norm_eps=settings.eps, hc_eps=settings.hc_eps, out_flag=1
    )
    comb, norms, sums = npu_operator("npu_mhc_sinkhorn")(
        logits, eps=settings.hc_eps, num_iters=settings.iterations, out_flag=1
    )
    return (hidden, _tokens_last(post), _tokens_last(comb)), (inverse, mixed, pre, post, norms, sums)


def _pre_backward(args: Arguments, kept: Tensors, gradients: Gradients) -> Arguments:
    streams, fn, _, scale, _, settings = args
    inverse, mixed, pre, post, norms, sums = kept
    batch, length, n, dim = streams.shape
    made = streams.new_zeros(batch, length, dim), post.new_zeros(n, batch, length), post.new_zeros(n, n, batch, length)
    to_hidden, to_post, to_comb = (m if g is None else g for g, m in zip(gradients, made, strict=True))
    to_logits = npu_operator("npu_mhc_sinkhorn_backward")(_tokens_first(to_comb), norms, sums)
    to_streams, to_fn, to_scale, to_base, _ = npu_operator("npu_mhc_pre_backward")(
        streams, fn, scale, to_hidden.contiguous(), _tokens_first(to_post), to_logits, inverse, mixed, pre, post,
        hc_eps=settings.hc_eps,
    )  # fmt: skip
    return to_streams, to_fn, to_base, to_scale, None, None


def _post_supports(comb: Tensor, streams: Tensor, post: Tensor, output: Tensor) -> bool:
    fits = streams.dtype in HALF and streams.shape[2] in STREAMS and streams.numel() > 0
    return fits and output.dtype == streams.dtype and comb.dtype == post.dtype == torch.float32


def _post(comb: Tensor, streams: Tensor, post: Tensor, output: Tensor) -> tuple[Tensor, Tensors]:
    return npu_operator("npu_mhc_post")(streams, _tokens_first(comb), output, _tokens_first(post)), ()


def _post_backward(args: Arguments, kept: Tensors, gradients: Gradients) -> Arguments:
    comb, streams, post, output = args
    given = gradients[0]
    assert given is not None
    to_streams, to_comb, to_output, to_post = npu_operator("npu_mhc_post_backward")(
        given.contiguous(), streams.contiguous(), _tokens_first(comb), output.contiguous(), _tokens_first(post)
    )
    return _tokens_last(to_comb), to_streams, _tokens_last(to_post), to_output


# -- experts -----------------------------------------------------------------------------------------------------------


def _route_supports(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, given: Tensor | None, top_k: int, scale: float
) -> bool:
    """Return whether the call selects experts; the few layers with hash routing would gain little."""
    fits = 2 < len(weight) <= MAX_EXPERTS and 1 <= top_k <= len(weight) and hidden.numel() > 0
    wide_enough = weight.dtype == torch.float32 and (bias is None or bias.dtype == torch.float32)
    return given is None and fits and wide_enough and hidden.dtype in DTYPES


def _route(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, given: None, top_k: int, scale: float
) -> tuple[Tensors, Tensors]:
    """Return chosen experts, their weights and all affinities."""
    weights, chosen, affinity = npu_operator("npu_moe_gating_top_k")(
        F.linear(upcast(hidden), weight), top_k, bias=bias, norm_type=SQRT_SOFTPLUS, out_flag=True,
        routed_scaling_factor=scale, eps=TINY,
    )  # fmt: skip
    chosen = chosen.long()
    return (chosen, weights, affinity), (chosen, affinity)


def _route_backward(args: Arguments, kept: Tensors, gradients: Gradients) -> Arguments:
    """Return the gradients, from affinities a alone: of the logits by them, (1 - exp(-a²)) / 2a."""
    hidden, weight, _, _, _, scale = args
    (chosen, affinity), (_, to_weights, to_affinity) = kept, gradients
    to_affinity = torch.zeros_like(affinity) if to_affinity is None else to_affinity
    if to_weights is not None:
        picked = affinity.gather(-1, chosen)
        total = picked.sum(-1, keepdim=True) + TINY
        to_picked = (to_weights - (to_weights * picked).sum(-1, keepdim=True) / total) * scale / total
        to_affinity = to_affinity.scatter_add(-1, chosen, to_picked)
    to_logits = to_affinity * -torch.expm1(-affinity.square()) / (2 * affinity).clamp(min=TINY)
    to_hidden = (to_logits @ weight).to(hidden.dtype)
    return to_hidden, to_logits.T @ upcast(hidden), None, None, None, None


def _grouped_supports(padded: Tensor, weights: Tensor | PackedStack, plan: GroupedRows) -> bool:
    if plan.heights is not None or not isinstance(weights, Tensor):
        return False
    fits = 1 < weights.shape[0] <= MAX_GROUPS and max(weights.shape[1:]) <= MAX_INNER and len(padded) > 0
    return fits and padded.dtype in DTYPES and padded.dtype == weights.dtype


def _ends(plan: GroupedRows, count: int) -> Tensor:
    """Return where each group's rows end, (E,) int64; the last tiles belong to the last group."""
    number = torch.arange(count, device=plan.tiles.device, dtype=plan.tiles.dtype)
    return ((plan.tiles[None] <= number[:, None]).sum(1, dtype=torch.int32) * TILE).long()


def _products(rows: Tensor, weights: Tensor, ends: Tensor) -> Tensor:
    """Return rows (P, D) times the weight (D, F) of their group."""
    return npu_operator("npu_grouped_matmul")([rows], [weights], group_list=ends, split_item=2, group_type=0)[0]


def _grouped(padded: Tensor, weights: Tensor, plan: GroupedRows) -> tuple[Tensor, Tensors]:
    ends = _ends(plan, len(weights))
    return _products(padded, weights.transpose(1, 2), ends), (ends,)


def _grouped_backward(args: Arguments, kept: Tensors, gradients: Gradients) -> Arguments:
    """Return the gradients of rows and weights; the latter is a product grouped along its inner dimension."""
    padded, weights, _ = args
    given, ends = gradients[0], kept[0]
    assert given is not None
    given = given.contiguous()
    (to_weights,) = npu_operator("npu_grouped_matmul")([given.T], [padded], group_list=ends, split_item=3, group_type=2)
    return _products(given, weights, ends), to_weights, None


KERNELS = {
    "sparse_attention": SPARSE_ATTENTION,
    "route": Kernel(_route, _route_backward, _route_supports),
    "rms_norm": Kernel(_norm, _norm_backward, _norm_supports),
    "swiglu_clamped": Kernel(_swiglu, _swiglu_backward, _swiglu_supports),
    "sinkhorn": Kernel(_sinkhorn, _sinkhorn_backward, _sinkhorn_supports),
    "hyper_pre": Kernel(_pre, _pre_backward, _pre_supports),
    "hyper_post": Kernel(_post, _post_backward, _post_supports),
    "grouped_matmul": Kernel(_grouped, _grouped_backward, _grouped_supports),
}
NEEDED = {
    "sparse_attention": ("npu_sparse_flash_attention", "npu_sparse_flash_attention_grad"),
    "route": ("npu_moe_gating_top_k",),
    "rms_norm": ("npu_rms_norm", "npu_rms_norm_backward"),
    "swiglu_clamped": ("npu_clipped_swiglu", "npu_swiglu_backward"),
    "sinkhorn": ("npu_mhc_sinkhorn", "npu_mhc_sinkhorn_backward"),
    "hyper_pre": ("npu_mhc_pre", "npu_mhc_pre_backward", "npu_mhc_sinkhorn", "npu_mhc_sinkhorn_backward"),
    "hyper_post": ("npu_mhc_post", "npu_mhc_post_backward"),
    "grouped_matmul": ("npu_grouped_matmul",),
}
"""The operators of torch-npu that each kernel calls."""


def load(operator: str) -> Kernel:
    """Return the kernel of an operator.

    Raises:
        LookupError: the installed torch-npu lacks an operator that the kernel calls.
    """
    for name in NEEDED[operator]:
        npu_operator(name)
    return KERNELS[operator]


BACKENDS = tuple(
    Backend(operator, LIBRARY, unavailable_reason, functools.partial(load, operator), version) for operator in KERNELS
)
