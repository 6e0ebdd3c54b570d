"""Operators: the faster twins agree with the clear references."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from builders import largest
from sancai.ops import grouped_matmul
from sancai.ops.attention import attention, attention_fused, attention_products, attention_reference
from sancai.ops.grouped_matmul import TILE, GroupedRows, ragged, tiled
from sancai.ops.norm import rms_norm, rms_scale
from sancai.ops.rope import YarnScaling, angles, axis_of_pair, frequencies, rotate
from sancai.ops.sinkhorn import sinkhorn
from sancai.ops.streams import mix, mix_unrolled, weigh, weigh_unrolled
from sancai.ops.topk import topk_mask

Attend = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
Planner = Callable[[int, Tensor], GroupedRows]
TWINS: list[Attend] = [attention_products, attention_fused, attention]


def problem(dtype: torch.dtype, keys: int = 11) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    query = torch.randn(2, 5, 3, 16, dtype=dtype)
    memory = torch.randn(2, keys, 16, dtype=dtype)
    mask = torch.rand(2, 5, keys) < 0.6
    return query, memory, mask, torch.randn(3, dtype=dtype)


# --- attention --------------------


def test_the_reference_is_a_softmax_with_a_sink() -> None:
    query, keys, mask, sink = problem(torch.float64)
    out = attention_reference(query, keys, mask, sink)
    for b, t, h in ((0, 0, 0), (1, 4, 2), (0, 3, 1)):
        seen = [s for s in range(11) if mask[b, t, s]]
        powers = [math.exp(float(query[b, t, h] @ keys[b, s]) / 4) for s in seen]
        below = sum(powers) + math.exp(float(sink[h]))
        expected = sum(p / below * keys[b, s] for p, s in zip(powers, seen, strict=True))
        assert largest(out[b, t, h] - expected) <= 1e-12


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_attention_twins_agree_with_their_gradients(twin: Attend, dtype: torch.dtype, tolerance: float) -> None:
    query, keys, mask, sink = problem(dtype)
    weight = torch.randn_like(query)
    found = []
    for function in (attention_reference, twin):
        leaves = [t.clone().requires_grad_() for t in (query, keys, sink)]
        out = function(leaves[0], leaves[1], mask, leaves[2])
        found.append((out, *torch.autograd.grad((out * weight).sum(), leaves)))
    for expected, got in zip(*found, strict=True):
        assert largest(expected - got) <= tolerance


def test_many_keys_take_the_fused_way_with_equal_numbers() -> None:
    query, keys, mask, sink = problem(torch.float32, keys=1100)
    assert largest(attention(query, keys, mask, sink) - attention_reference(query, keys, mask, sink)) <= 1e-5


@pytest.mark.parametrize("twin", [attention_reference, *TWINS])
def test_rows_that_see_nothing_are_zero_and_their_gradients_finite(twin: Attend) -> None:
    query, keys, mask, sink = problem(torch.float32)
    mask[0, 1] = False
    mask[1] = False
    leaves = [t.clone().requires_grad_() for t in (query, keys, sink)]
    out = twin(leaves[0], leaves[1], mask, leaves[2])
    assert largest(out[0, 1]) == 0 and largest(out[1]) == 0
    gradients = torch.autograd.grad(out.square().sum(), leaves)
    assert all(bool(torch.isfinite(g).all()) for g in gradients)


@pytest.mark.parametrize("twin", [attention_reference, *TWINS])
def test_attention_without_keys_is_zero(twin: Attend) -> None:
    query, keys, mask, sink = problem(torch.float32)
    assert largest(twin(query, keys[:, :0], mask[:, :, :0], sink)) == 0


@pytest.mark.parametrize("twin", [attention_reference, *TWINS])
def test_masked_keys_are_never_read(twin: Attend) -> None:
    query, keys, mask, sink = problem(torch.float32)
    mask[:, :, 4] = False
    other = keys.clone()
    other[:, 4] = 1e4
    assert largest(twin(query, keys, mask, sink) - twin(query, other, mask, sink)) <= 1e-6


# --- grouped products --------------------


@pytest.mark.parametrize("planner", [ragged, tiled])
@pytest.mark.parametrize(
    "counts",
    [[3], [0, 5, 0, 2], [0, 0, 40], [TILE, TILE, TILE], [TILE + 1, 0, TILE - 1, 2 * TILE], [1, 1, 1, 1], [200, 0, 3]],
)
def test_grouped_layouts_agree_with_a_loop(planner: Planner, counts: list[int]) -> None:
    rows = torch.randn(sum(counts), 6, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(len(counts), 7, 6, dtype=torch.float64, requires_grad=True)
    plan: GroupedRows = planner(len(rows), torch.tensor(counts))
    out = plan.gather(plan.matmul(plan.scatter(rows), weights))
    expected = torch.cat([part @ w.T for part, w in zip(rows.split(counts), weights, strict=True)])
    assert out.shape == expected.shape and largest(out - expected) <= 1e-12
    weight = torch.randn_like(out)
    got = torch.autograd.grad((out * weight).sum(), (rows, weights))
    wanted = torch.autograd.grad((expected * weight).sum(), (rows, weights))
    assert all(largest(a - b) <= 1e-12 for a, b in zip(got, wanted, strict=True))


def test_tiles_that_take_turns_agree_with_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = torch.tensor([5, 0, 17, 31, 40])
    plan = tiled(93, counts)
    rows = torch.randn(93, 6, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(5, 7, 6, dtype=torch.float64, requires_grad=True)

    def run() -> list[torch.Tensor]:
        out = plan.gather(plan.matmul(plan.scatter(rows), weights))
        return [out, *torch.autograd.grad(out.square().sum(), (rows, weights))]

    usual = run()
    monkeypatch.setattr(grouped_matmul, "COPIED_BYTES", 3 * 7 * 6 * 8)  # three tiles at a time, then two
    saved: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t.numel()) or t, lambda t: t):
        assert all(largest(a - b) <= 1e-12 for a, b in zip(usual, run(), strict=True))
    assert max(saved) <= max(plan.scatter(rows).numel(), weights.numel(), 93 * 7), "no copies of weights are kept"


@pytest.mark.parametrize("planner", [ragged, tiled])
def test_no_two_rows_share_a_slot_and_padding_is_zero(planner: Planner) -> None:
    counts = [5, 0, 17, 31]
    plan = planner(53, torch.tensor(counts))
    assert len(plan.slot.unique()) == 53
    assert int(plan.scatter(torch.ones(53, 1)).sum()) == 53


def test_the_tiled_plan_has_static_shapes() -> None:
    rows = torch.ones(64, 1)
    plans = [tiled(64, torch.tensor(c)) for c in ([64, 0, 0, 0], [16, 16, 16, 16], [13, 17, 15, 19])]
    assert len({plan.scatter(rows).shape for plan in plans}) == 1


def test_the_ragged_plan_has_few_heights_and_leaves_idle_groups_out() -> None:
    heights = {h for n in range(4801) if (h := ragged(4800, torch.tensor([n, 4800 - n])).heights)}
    assert len({height for pair in heights for height in pair}) <= 80
    plan = ragged(2, torch.tensor([0, 1, 0, 1]))
    assert plan.heights == (0, 1, 0, 1)


# --- top-k --------------------


def test_topk_keeps_the_best_visible_entries() -> None:
    scores = torch.tensor([[[5.0, 4.0, 3.0, 2.0, 1.0]]])
    visible = torch.tensor([[[False, True, True, False, True]]])
    mask = topk_mask(scores, visible, 2, torch.arange(5)[None])
    assert mask[0, 0].tolist() == [False, True, True, False, False]


def test_of_equal_scores_the_latest_entry_wins() -> None:
    scores = torch.tensor([[[0.0, 0.0, 7.0, 0.0, 0.0]]])
    recency = torch.tensor([[30, 10, 0, 40, 20]])
    mask = topk_mask(scores, torch.ones(1, 1, 5, dtype=torch.bool), 3, recency)
    assert mask[0, 0].tolist() == [True, False, True, True, False]


def test_ties_do_not_depend_on_the_width_of_the_row() -> None:
    for width in (9, 17, 33, 200, 1025):
        scores = torch.zeros(1, 1, width)
        visible = torch.zeros(1, 1, width, dtype=torch.bool)
        visible[..., :9] = True
        mask = topk_mask(scores, visible, 4, torch.arange(width)[None])
        assert mask[0, 0].nonzero().flatten().tolist() == [5, 6, 7, 8]


def test_topk_agrees_with_sorting_row_by_row() -> None:
    scores = torch.randint(0, 4, (2, 6, 12)).float() - 1
    visible = torch.rand(2, 6, 12) < 0.7
    recency = torch.stack([torch.randperm(12) for _ in range(2)])
    mask = topk_mask(scores, visible, 3, recency)
    for b in range(2):
        for t in range(6):
            able = [e for e in range(12) if visible[b, t, e]]
            best = sorted(able, key=lambda e: (-float(scores[b, t, e]), -int(recency[b, e])))[:3]
            assert mask[b, t].nonzero().flatten().tolist() == sorted(best)


def test_few_visible_entries_are_all_kept_even_with_negative_scores() -> None:
    scores = torch.full((1, 1, 6), -50.0)
    visible = torch.tensor([[[True, False, True, False, False, False]]])
    assert torch.equal(topk_mask(scores, visible, 4, torch.arange(6)[None]), visible)


# --- sinkhorn, norms, rotation --------------------


def test_sinkhorn_columns_sum_to_one_and_rows_nearly() -> None:
    matrix = sinkhorn(torch.randn(4, 4, 50, dtype=torch.float64), 20, 1e-6)
    assert bool((matrix > 0).all())
    assert largest(matrix.sum(0) - 1) <= 2e-6
    assert largest(matrix.sum(1) - 1) <= 1e-2


def test_sinkhorn_ends_on_columns() -> None:
    matrix = sinkhorn(4 * torch.randn(4, 4, 50, dtype=torch.float64), 2, 1e-6)
    assert largest(matrix.sum(0) - 1) <= 1e-5
    assert largest(matrix.sum(1) - 1) > 1e-3


def test_mixing_of_streams_is_the_same_stream_by_stream() -> None:
    comb, post, pre = (torch.rand(*shape, 3, 5, dtype=torch.float64) for shape in ((4, 4), (4,), (4,)))
    streams, output = torch.randn(3, 5, 4, 8, dtype=torch.float64), torch.randn(3, 5, 8, dtype=torch.float64)
    expected = torch.einsum("jkbt,btjd->btkd", comb, streams) + torch.einsum("kbt,btd->btkd", post, output)
    assert largest(mix(comb, streams, post, output) - expected) <= 1e-12
    assert largest(mix_unrolled(comb, streams, post, output) - expected) <= 1e-12
    assert largest(weigh(pre, streams) - torch.einsum("jbt,btjd->btd", pre, streams)) <= 1e-12
    assert largest(weigh_unrolled(pre, streams) - weigh(pre, streams)) <= 1e-12


def test_rms_norm_divides_by_the_root_mean_square() -> None:
    x, weight = torch.randn(3, 8, dtype=torch.float64), torch.randn(8, dtype=torch.float64)
    expected = weight * x / (x.square().mean(-1, keepdim=True) + 1e-3).sqrt()
    assert largest(rms_norm(x, weight, 1e-3) - expected) <= 1e-12
    assert largest(x * rms_scale(x, 1e-3) * weight - expected) <= 1e-12


def test_low_precision_norms_keep_their_dtype_and_compute_wide() -> None:
    x = (torch.randn(4, 512) * 300).bfloat16()
    out = rms_norm(x, None, 1e-6)
    assert out.dtype == torch.bfloat16
    assert largest(out.float() - rms_norm(x.float(), None, 1e-6)) <= 0.02


def test_turning_back_undoes_the_rotation_and_keeps_the_head() -> None:
    x = torch.randn(2, 5, 24, dtype=torch.float64)
    cos, sin = angles(torch.rand(2, 5, 3) * 100, frequencies(16, 10000.0, None))
    turned = rotate(x, cos, sin)
    assert torch.equal(turned[..., :8], x[..., :8])
    assert largest(turned[..., 8:] - x[..., 8:]) > 0.1
    assert largest(rotate(turned, cos, -sin) - x) <= 1e-6


def test_rotation_is_a_complex_product_of_neighbouring_channels() -> None:
    x, angle = torch.randn(6, 8, dtype=torch.float64), torch.randn(6, 4, dtype=torch.float64)
    turned = torch.view_as_complex(x.view(6, 4, 2)) * torch.polar(torch.ones_like(angle), angle)
    assert largest(rotate(x, angle.cos(), angle.sin()) - torch.view_as_real(turned).flatten(1)) <= 1e-12


def test_products_of_rotated_vectors_depend_on_the_distance_alone() -> None:
    q, k, turn = torch.randn(8).double(), torch.randn(8).double(), frequencies(8, 10000.0, None)
    products = []
    for place in (0.0, 3.0, 50.0):
        pair = torch.tensor([[place + 5] * 3, [place] * 3])
        cos, sin = angles(pair, turn)
        products.append(float(rotate(q, cos[0], sin[0]) @ rotate(k, cos[1], sin[1])))
    assert products == pytest.approx([products[0]] * 3, abs=1e-5)


def test_yarn_blends_between_pairs_15_and_25_at_full_size() -> None:
    plain, blended = frequencies(64, 160000.0, None), frequencies(64, 160000.0, YarnScaling())
    ratio = blended / plain
    assert torch.equal(ratio[:16], torch.ones(16))
    assert ratio[25:].tolist() == pytest.approx([1 / 16] * 7)
    assert ratio[20].item() == pytest.approx(0.5 + 0.5 / 16)


def test_pairs_take_axes_in_turn_and_the_last_quarter_listens_to_time() -> None:
    assert axis_of_pair(8) == [0, 1, 2, 0, 1, 2, 0, 0]
    assert axis_of_pair(4) == [0, 1, 2, 0]
