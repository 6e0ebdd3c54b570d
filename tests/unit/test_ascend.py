"""Ascend's operators as an operator backend, on a CPU: layouts, signs and gradients, against the documented formulas.

`torch.ops.npu` is filled here with the signatures of torch-npu 2.13.0 and its documented formulas in plain PyTorch.
What this proves: our arguments and gradients fit these formulas.  What it does not: that the chip computes them.
"""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from sancai.ops.backends import ascend, ascend_attention
from sancai.ops.dispatch import Backend, Kernel, run_kernel
from sancai.ops.selection import OPERATORS
from sancai.ops.verification import SampleInput, SampleTensors, verify

CPU = torch.device("cpu")
BY_NAME = {operator.name: operator for operator in OPERATORS}
SCHEMAS = (
    "npu_rms_norm(Tensor self, Tensor gamma, float epsilon=1e-06) -> (Tensor, Tensor)",
    "npu_rms_norm_backward(Tensor dy, Tensor self, Tensor gamma, Tensor rstd) -> (Tensor, Tensor)",
    "npu_clipped_swiglu(Tensor x, *, Tensor? group_index=None, int dim=-1, float alpha=1.702, float limit=7.0, "
    "float bias=1.0, bool interleaved=True) -> Tensor",
    "npu_swiglu_backward(Tensor grad_output, Tensor self, int dim=-1) -> Tensor",
    "npu_mhc_sinkhorn(Tensor x, *, float eps=1e-6, SymInt num_iters=20, int out_flag=0) -> (Tensor, Tensor, Tensor)",
    "npu_mhc_sinkhorn_backward(Tensor grad_y, Tensor norm, Tensor sum) -> Tensor",
    "npu_mhc_pre(Tensor x, Tensor phi, Tensor alpha, Tensor bias, *, Tensor? gamma=None, float norm_eps=1e-6, "
    "float hc_eps=1e-6, int out_flag=0, int inner_precise=0) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
    "npu_mhc_pre_backward(Tensor x, Tensor phi, Tensor alpha, Tensor grad_h_in, Tensor grad_h_post, "
    "Tensor grad_h_res, Tensor inv_rms, Tensor h_mix, Tensor h_pre, Tensor h_post, Tensor? gamma=None, "
    "float hc_eps=1e-6, Tensor? grad_x_post=None, int inner_precise=0) -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
    "npu_mhc_post(Tensor x, Tensor? h_res, Tensor h_out, Tensor h_post) -> Tensor",
    "npu_mhc_post_backward(Tensor grad_y, Tensor x, Tensor? h_res, Tensor h_out, Tensor h_post) "
    "-> (Tensor, Tensor, Tensor, Tensor)",
    "npu_sparse_flash_attention(Tensor query, Tensor key, Tensor? value, Tensor sparse_indices, float scale_value, *, "
    "Tensor? block_table=None, Tensor? actual_seq_lengths_query=None, Tensor? actual_seq_lengths_kv=None, "
    "Tensor? query_rope=None, Tensor? key_rope=None, int sparse_block_size=1, str layout_query='BSND', "
    "str layout_kv='BSND', int sparse_mode=3, int pre_tokens=9223372036854775807, int next_tokens=9223372036854775807, "
    "int attention_mode=0, bool return_softmax_lse=False, Tensor? sinks=None) -> (Tensor, Tensor, Tensor)",
    "npu_sparse_flash_attention_grad(Tensor query, Tensor key, Tensor? value, Tensor sparse_indices, Tensor d_out, "
    "Tensor out, Tensor softmax_max, Tensor softmax_sum, float scale_value, int sparse_block_size, "
    "Tensor? query_rope=None, Tensor? key_rope=None, Tensor? actual_seq_qlen=None, Tensor? actual_seq_kvlen=None, "
    "str? layout='BSND', int? sparse_mode=3, int? pre_tokens=9223372036854775807, "
    "int? next_tokens=9223372036854775807, int? attention_mode=0) -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
    "npu_moe_gating_top_k(Tensor x, int k, *, Tensor? bias=None, Tensor? input_ids=None, Tensor? tid2eid=None, "
    "int k_group=1, int group_count=1, int group_select_mode=0, int renorm=0, int norm_type=0, bool out_flag=False, "
    "float routed_scaling_factor=1.0, float eps=1e-20) -> (Tensor, Tensor, Tensor)",
    "npu_grouped_matmul(Tensor[] x, Tensor[] weight, *, Tensor[]? bias=None, Tensor[]? scale=None, "
    "Tensor[]? offset=None, Tensor[]? antiquant_scale=None, Tensor[]? antiquant_offset=None, "
    "Tensor[]? per_token_scale=None, Tensor? group_list=None, Tensor[]? activation_input=None, "
    "Tensor[]? activation_quant_scale=None, Tensor[]? activation_quant_offset=None, int? split_item=0, "
    "int? group_type=None, int? group_list_type=0, int? act_type=0, int[]? tuning_config=None, "
    "int? output_dtype=None, int? x_dtype=None, int? weight_dtype=None, int? scale_dtype=None, "
    "int? per_token_scale_dtype=None) -> Tensor[]",
)
"""As the wheel of torch-npu 2.13.0 declares them."""


class Documented:
    """The documented formulas; what is kept between the passes is whatever these backward formulas want."""

    @staticmethod
    def npu_rms_norm(x: Tensor, gamma: Tensor, epsilon: float = 1e-6) -> tuple[Tensor, Tensor]:
        assert gamma.dtype == x.dtype, "the dtype of gamma is that of x"
        inverse = torch.rsqrt(x.float().square().mean(-1, keepdim=True) + epsilon)
        return (x.float() * inverse * gamma.float()).to(x.dtype), inverse

    @staticmethod
    def npu_rms_norm_backward(dy: Tensor, x: Tensor, gamma: Tensor, inverse: Tensor) -> tuple[Tensor, Tensor]:
        normed, scaled = x.float() * inverse, dy.float() * gamma.float()
        to_x = inverse * (scaled - normed * (scaled * normed).mean(-1, keepdim=True))
        return to_x.to(x.dtype), (dy.float() * normed).flatten(0, -2).sum(0)

    @staticmethod
    def npu_clipped_swiglu(
        x: Tensor, group_index=None, dim=-1, alpha=1.702, limit=7.0, bias=1.0, interleaved=True
    ) -> Tensor:
        assert dim == -1 and not interleaved and group_index is None and x.is_contiguous()
        a, b = x.float().chunk(2, -1)
        a, b = a.clamp(max=limit), b.clamp(-limit, limit)
        return (a * torch.sigmoid(alpha * a) * (b + bias)).to(x.dtype)

    @staticmethod
    def npu_swiglu_backward(given: Tensor, x: Tensor, dim: int = -1) -> Tensor:
        leaf = x.detach().float().requires_grad_()
        with torch.enable_grad():
            a, b = leaf.chunk(2, dim)
            (gradient,) = torch.autograd.grad(a * torch.sigmoid(a) * b, leaf, given.float())
        return gradient.to(x.dtype)

    @staticmethod
    def sinkhorn(x: Tensor, eps: float, count: int) -> Tensor:
        y = torch.softmax(x, -1) + eps
        y = y / (y.sum(-2, keepdim=True) + eps)
        for _ in range(count - 1):
            y = y / (y.sum(-1, keepdim=True) + eps)
            y = y / (y.sum(-2, keepdim=True) + eps)
        return y

    @staticmethod
    def npu_mhc_sinkhorn(x: Tensor, eps=1e-6, num_iters=20, out_flag=0) -> tuple[Tensor, Tensor, Tensor]:
        assert x.shape[-1] in (4, 6, 8) and x.shape[-2] == x.shape[-1] and x.dtype == torch.float32 and out_flag == 1
        settings = torch.tensor([eps, float(num_iters)], dtype=torch.float64)
        return Documented.sinkhorn(x, eps, num_iters), x.clone(), settings

    @staticmethod
    def npu_mhc_sinkhorn_backward(given: Tensor, norm: Tensor, total: Tensor) -> Tensor:
        leaf = norm.detach().requires_grad_()
        with torch.enable_grad():
            out = Documented.sinkhorn(leaf, float(total[0]), int(total[1]))
            return torch.autograd.grad(out, leaf, given)[0]

    @staticmethod
    def pre(x: Tensor, phi: Tensor, alpha: Tensor, bias: Tensor, norm_eps: float, hc_eps: float) -> tuple[Tensor, ...]:
        n, flat = x.shape[2], x.flatten(2).float()
        inverse = torch.rsqrt(flat.square().mean(-1) + norm_eps)
        mixed = flat @ phi.T
        pre, post, res = (mixed * inverse[..., None]).split([n, n, n * n], -1)
        pre = torch.sigmoid(pre * alpha[0] + bias[:n]) + hc_eps
        post = 2 * torch.sigmoid(post * alpha[1] + bias[n : 2 * n])
        res = (res * alpha[2] + bias[2 * n :]).unflatten(-1, (n, n))
        hidden = (pre[..., None] * x.float()).sum(2).to(x.dtype)
        return hidden, post, res, inverse, mixed, pre

    @staticmethod
    def npu_mhc_pre(
        x: Tensor, phi: Tensor, alpha: Tensor, bias: Tensor,
        gamma=None, norm_eps=1e-6, hc_eps=1e-6, out_flag=0, inner_precise=0,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        assert x.dtype in (torch.float16, torch.bfloat16) and gamma is None and out_flag == 1
        assert phi.dtype == alpha.dtype == bias.dtype == torch.float32
        return Documented.pre(x, phi, alpha, bias, norm_eps, hc_eps)

    @staticmethod
    def npu_mhc_pre_backward(
        x: Tensor, phi: Tensor, alpha: Tensor, to_in: Tensor, to_post: Tensor, to_res: Tensor,
        inverse: Tensor, mixed: Tensor, pre: Tensor, post: Tensor,
        gamma=None, hc_eps=1e-6, grad_x_post=None, inner_precise=0,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        """By hand from what is kept, as the operator must: it is given neither the bias nor the norm's epsilon."""
        n, dim = x.shape[2:]
        wide = x.float()
        to_pre = (to_in.float()[..., None, :] * wide).sum(-1)
        gate, spread = pre - hc_eps, post / 2
        parts = to_pre * gate * (1 - gate), 2 * to_post * spread * (1 - spread), to_res.flatten(-2)
        logits = torch.cat(parts, -1)
        scales = torch.cat([alpha[i].expand(c) for i, c in enumerate((n, n, n * n))])
        raw = mixed * inverse[..., None]
        to_alpha = torch.stack([p.sum() for p in (logits * raw).split([n, n, n * n], -1)])
        to_raw = logits * scales
        to_mixed = to_raw * inverse[..., None]
        norm = -(to_raw * mixed).sum(-1) * inverse.pow(3) / (n * dim)
        to_x = (to_mixed @ phi).unflatten(-1, (n, dim)) + norm[..., None, None] * wide
        to_x = to_x + pre[..., None] * to_in.float()[..., None, :]
        to_phi = to_mixed.flatten(0, 1).T @ wide.flatten(2).flatten(0, 1)
        return to_x.to(x.dtype), to_phi, to_alpha, logits.flatten(0, 1).sum(0), torch.empty(0)

    @staticmethod
    def npu_mhc_post(x: Tensor, res: Tensor, out: Tensor, post: Tensor) -> Tensor:
        assert x.dtype == out.dtype and res.dtype == post.dtype == torch.float32
        mixed = torch.einsum("btjk,btjd->btkd", res, x.float())
        return (mixed + post[..., None] * out.float()[..., None, :]).to(x.dtype)

    @staticmethod
    def npu_mhc_post_backward(given: Tensor, x: Tensor, res: Tensor, out: Tensor, post: Tensor) -> tuple[Tensor, ...]:
        g, wide = given.float(), x.float()
        to_x = torch.einsum("btjk,btkd->btjd", res, g).to(x.dtype)
        to_out = (post[..., None] * g).sum(2).to(out.dtype)
        return to_x, wide @ g.transpose(-1, -2), to_out, (g * out.float()[..., None, :]).sum(-1)

    @staticmethod
    def latent(query: Tensor, key: Tensor, value: Tensor, indices: Tensor, scale: float, query_rope, key_rope):
        """The scores and values that each query of multi-head latent attention reads, in fp32."""
        assert query.dtype == key.dtype and query.dtype in (torch.float16, torch.bfloat16)
        assert query.shape[-1] == key.shape[-1] == 512 and query_rope.shape[-1] == key_rope.shape[-1] == 64
        assert query.shape[2] in (1, 2, 4, 8, 16, 32, 64, 128) and key.shape[2] == 1 and torch.equal(key, value)
        assert all(t.is_contiguous() for t in (query, key, value, indices, query_rope, key_rope))
        assert indices.dtype == torch.int32 and indices.shape[:3] == (*query.shape[:2], 1)
        assert indices.shape[3] in range(1024, 8193, 1024), "what the backward pass takes"
        there = indices[:, :, 0] >= 0
        assert (there[..., 1:] <= there[..., :-1]).all(), "valid indices come first"
        rows = torch.arange(len(query))[:, None, None]
        place = indices[:, :, 0].long().clamp(min=0)
        keys, extra = key[:, :, 0].float()[rows, place], key_rope[:, :, 0].float()[rows, place]
        scores = torch.einsum("bthd,btkd->bthk", query.float(), keys)
        scores = (scores + torch.einsum("bthd,btkd->bthk", query_rope.float(), extra)) * scale
        return scores.masked_fill(~there[:, :, None], float("-inf")), keys, extra, place, there

    @staticmethod
    def npu_sparse_flash_attention(
        query: Tensor, key: Tensor, value: Tensor, indices: Tensor, scale: float, *, query_rope=None, key_rope=None,
        actual_seq_lengths_query=None, actual_seq_lengths_kv=None, sparse_block_size=1, sparse_mode=3,
        attention_mode=0, return_softmax_lse=False, sinks=None, **others,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        assert actual_seq_lengths_query.tolist() == [query.shape[1]] * len(query)
        assert actual_seq_lengths_kv.tolist() == [key.shape[1]] * len(key)
        assert (sparse_block_size, sparse_mode, attention_mode, return_softmax_lse, sinks) == (1, 0, 2, True, None)
        scores, keys, *_ = Documented.latent(query, key, value, indices, scale, query_rope, key_rope)
        highest = scores.amax(-1)
        powers = (scores - highest[..., None]).exp()
        total = powers.sum(-1)
        out = torch.einsum("bthk,btkd->bthd", powers / total[..., None], keys).to(query.dtype)
        return out, highest[:, None].contiguous(), total[:, None].contiguous()

    @staticmethod
    def npu_sparse_flash_attention_grad(
        query: Tensor, key: Tensor, value: Tensor, indices: Tensor, given: Tensor, out: Tensor, highest: Tensor,
        total: Tensor, scale: float, block: int, query_rope=None, key_rope=None, query_lengths=None, key_lengths=None,
        layout="BSND", sparse_mode=3, pre_tokens=0, next_tokens=0, attention_mode=0,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        assert (block, sparse_mode, attention_mode) == (1, 0, 2)
        scores, keys, extra, place, _ = Documented.latent(query, key, value, indices, scale, query_rope, key_rope)
        assert highest.shape == (len(query), 1, *query.shape[1:3])
        weights = (scores - highest[:, 0, ..., None]).exp() / total[:, 0, ..., None]
        g = given.float()
        inner = (g * out.float()).sum(-1, keepdim=True)
        to_scores = weights * (torch.einsum("bthd,btkd->bthk", g, keys) - inner) * scale

        def spread(parts: Tensor, like: Tensor) -> Tensor:
            rows = torch.arange(len(parts))[:, None, None].expand_as(place)
            into = torch.zeros(like.shape, dtype=torch.float32)[:, :, 0]
            return into.index_put((rows, place), parts, accumulate=True)[:, :, None].to(like.dtype)

        to_keys = spread(torch.einsum("bthk,bthd->btkd", to_scores, query.float()), key)
        to_values = spread(torch.einsum("bthk,bthd->btkd", weights, g), key)
        to_key_rope = spread(torch.einsum("bthk,bthd->btkd", to_scores, query_rope.float()), key_rope)
        to_query, to_query_rope = (torch.einsum("bthk,btkd->bthd", to_scores, k) for k in (keys, extra))
        return to_query.to(query.dtype), to_keys, to_values, to_query_rope.to(query.dtype), to_key_rope

    @staticmethod
    def npu_moe_gating_top_k(
        x: Tensor, k: int, *, bias=None, input_ids=None, tid2eid=None, k_group=1, group_count=1, group_select_mode=0,
        renorm=0, norm_type=0, out_flag=False, routed_scaling_factor=1.0, eps=1e-20,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        assert x.dim() == 2 and x.dtype == torch.float32 and norm_type == 2 and out_flag and x.shape[1] > 2
        assert (input_ids, tid2eid, k_group, group_count, renorm) == (None, None, 1, 1, 0)
        assert bias is None or bias.dtype == x.dtype
        norm = torch.log1p(x.exp()).sqrt()
        chosen = (norm if bias is None else norm + bias).topk(k, -1).indices
        weights = norm.gather(-1, chosen)
        return weights / (weights.sum(-1, keepdim=True) + eps) * routed_scaling_factor, chosen.int(), norm

    @staticmethod
    def npu_grouped_matmul(x, weight, *, group_list=None, split_item=0, group_type=None, **others) -> list[Tensor]:
        (rows,), (weights,) = x, weight
        assert group_list.dtype == torch.int64 and not {n: v for n, v in others.items() if v}
        sizes = torch.diff(group_list, prepend=group_list.new_zeros(1)).tolist()
        assert min(sizes) >= 0, "the ends never fall"
        if group_type == 0:
            assert split_item in (2, 3) and sum(sizes) == len(rows) and len(weights) == len(sizes)
            return [torch.cat([r @ w for r, w in zip(rows.split(sizes), weights, strict=True)])]
        assert group_type == 2 and split_item in (2, 3) and sum(sizes) == rows.shape[1] == len(weights)
        pairs = zip(rows.split(sizes, 1), weights.split(sizes), strict=True)
        return [torch.stack([a @ b for a, b in pairs])]


@pytest.fixture(autouse=True)
def chip() -> Iterator[None]:
    """Fill `torch.ops.npu` for one test."""
    library = torch.library.Library("npu", "FRAGMENT")
    for schema in SCHEMAS:
        name = schema.partition("(")[0]
        library.define(schema)
        library.impl(name, getattr(Documented, name), "CPU")
    yield
    library._destroy()


def formats(backend: Backend) -> list[torch.dtype]:
    halves = [torch.bfloat16, torch.float16]
    return halves if backend.operator in ("hyper_pre", "hyper_post", "sparse_attention") else [*halves, torch.float32]


def covered(kernel: Kernel, samples: list[SampleInput]) -> list[SampleInput]:
    return [c for c in samples if kernel.supports(*c.arguments)]


PAIRS = [pytest.param(p, d, id=f"{p.operator}-{str(d)[6:]}") for p in ascend.BACKENDS for d in formats(p)]


@pytest.mark.parametrize(("backend", "dtype"), PAIRS)
def test_every_kernel_matches_its_reference_by_the_documented_formula(backend: Backend, dtype: torch.dtype) -> None:
    operator, kernel = BY_NAME[backend.operator], backend.load()
    samples = covered(kernel, operator.samples(SampleTensors(CPU, dtype)))
    assert samples
    problem = verify(lambda *args: run_kernel(operator, backend.name, kernel, *args), operator.reference, samples)
    assert problem is None and operator.disabled == {}


def test_noise_conditioning_runs_the_reference() -> None:
    kernel, samples = ascend.load("hyper_pre"), BY_NAME["hyper_pre"].samples(SampleTensors(CPU, torch.bfloat16))
    assert [c.name for c in samples if not kernel.supports(*c.arguments)] == ["noise"]


@pytest.mark.parametrize("backend", ascend.BACKENDS, ids=lambda p: p.operator)
def test_double_precision_runs_the_reference(backend: Backend) -> None:
    samples = BY_NAME[backend.operator].samples(SampleTensors(CPU, torch.float64))
    assert covered(backend.load(), samples) == []


def test_other_devices_and_older_versions_give_the_reason() -> None:
    assert all("own chips" in str(p.unavailable_reason(CPU)) for p in ascend.BACKENDS)
    with pytest.raises(LookupError, match="no operator npu_not_there"):
        ascend.npu_operator("npu_not_there")


def test_every_kernel_names_the_operators_it_calls() -> None:
    assert set(ascend.NEEDED) == set(ascend.KERNELS) <= set(BY_NAME)
    declared = {schema.partition("(")[0] for schema in SCHEMAS}
    assert {name for names in ascend.NEEDED.values() for name in names} == declared


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
def test_the_sink_reaches_the_chips_attention_nearly_in_single_precision(dtype: torch.dtype) -> None:
    sink = torch.tensor([-7.3, 0.01, 9.7, 2000.0])
    heard = ascend_attention._asked(sink, 512, dtype).float().sum(-1) * ascend_attention.ANSWER / 512**0.5
    assert torch.allclose(heard, sink, rtol=2**-14, atol=0)


def test_hash_routing_runs_the_reference() -> None:
    kernel, samples = ascend.load("route"), BY_NAME["route"].samples(SampleTensors(CPU, torch.bfloat16))
    assert [c.name for c in samples if not kernel.supports(*c.arguments)] == ["by token"]
