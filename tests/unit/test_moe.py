"""The router and the experts, against a loop over tokens."""

import math

import pytest
import torch
from torch import Tensor

from builders import largest, pack_ids, random_model, small_config
from sancai.model import AuxiliaryLosses
from sancai.model.moe import Expert, Experts, Gate, MoE
from sancai.ops.swiglu import swiglu
from sancai.sequence import Text, pack

LIMIT = 0.7


def random_gate(vocab: int | None = None) -> Gate:
    gate = Gate(8, 5, 2, 1.5, vocab).double()
    gate.reset_parameters(1.0, 3)
    if vocab is None:
        gate.bias.copy_(torch.tensor([2.0, 0.0, -3.0, 0.5, 0.1]))
    return gate


def random_moe(is_hash: bool = False) -> MoE:
    config = small_config(hidden_size=8, swiglu_limit=LIMIT, n_routed_experts=5)
    moe = MoE(config, "text.0", is_visual=False, is_hash=is_hash).double()
    for parameter in moe.parameters():
        torch.nn.init.normal_(parameter)
    if is_hash:
        moe.gate.tid2eid.copy_(torch.rand(64, 5).topk(2, -1).indices)
    else:
        moe.gate.bias.copy_(torch.randn(5))
    return moe


def affinity(gate: Gate, h: Tensor) -> list[float]:
    return [math.sqrt(math.log1p(math.exp(float(row @ h)))) for row in gate.weight.detach()]


def by_hand(h: Tensor, w1: Tensor, w2: Tensor, w3: Tensor) -> Tensor:
    gate, up = w1 @ h, w3 @ h
    inner = []
    for g, u in zip(gate.tolist(), up.tolist(), strict=True):
        g, u = min(g, LIMIT), max(-LIMIT, min(u, LIMIT))
        inner.append(g / (1 + math.exp(-g)) * u)
    return w2 @ torch.tensor(inner, dtype=torch.float64)


def test_the_bias_chooses_and_the_affinity_weighs() -> None:
    gate, hidden = random_gate(), torch.randn(20, 8, dtype=torch.float64)
    chosen, weights, scores = gate(hidden, None)
    for token in range(20):
        s = affinity(gate, hidden[token])
        best = sorted(range(5), key=lambda e: -(s[e] + float(gate.bias[e])))[:2]
        assert chosen[token].tolist() == best
        total = sum(s[e] for e in best)
        assert weights[token].tolist() == pytest.approx([s[e] / total * 1.5 for e in best])
        assert scores[token].tolist() == pytest.approx(s)


def test_the_bias_changes_the_choice_in_this_test() -> None:
    gate, hidden = random_gate(), torch.randn(20, 8, dtype=torch.float64)
    before = gate(hidden, None)[0]
    gate.bias.zero_()
    assert not torch.equal(before, gate(hidden, None)[0])


def test_hash_layers_choose_by_token_and_still_weigh_by_affinity() -> None:
    gate, hidden = random_gate(vocab=30), torch.randn(12, 8, dtype=torch.float64)
    ids = torch.randint(0, 30, (12,))
    chosen, weights, _ = gate(hidden, ids)
    assert torch.equal(chosen, gate.tid2eid[ids])
    for token in range(12):
        s = affinity(gate, hidden[token])
        picked = chosen[token].tolist()
        assert weights[token].tolist() == pytest.approx([s[e] / sum(s[x] for x in picked) * 1.5 for e in picked])


def test_the_hash_table_names_distinct_experts_in_balance() -> None:
    table = random_gate(vocab=2000).tid2eid
    assert bool((table[:, 0] != table[:, 1]).all())
    counts = torch.bincount(table.flatten(), minlength=5)
    assert int(counts.min()) > 700 and int(counts.max()) < 900


def test_a_shared_hash_layer_routes_visual_tokens_by_affinity() -> None:
    gate, hidden = random_gate(vocab=30), torch.randn(6, 8, dtype=torch.float64)
    chosen, _, scores = gate(hidden, None)
    assert torch.equal(chosen, scores.topk(2, -1).indices)


def test_the_clamp_bounds_the_gate_above_and_the_product_on_both_sides() -> None:
    gate, up = torch.tensor([50.0, -50.0, 0.5]), torch.tensor([50.0, -50.0, 0.2])
    silu = [LIMIT / (1 + math.exp(-LIMIT)), -50 / (1 + math.exp(50)), 0.5 / (1 + math.exp(-0.5))]
    expected = [silu[0] * LIMIT, silu[1] * -LIMIT, silu[2] * 0.2]
    assert swiglu(gate, up, LIMIT).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("is_hash", [False, True])
def test_the_layer_agrees_with_a_loop_over_tokens(is_hash: bool) -> None:
    moe = random_moe(is_hash)
    x, router = torch.randn(2, 7, 8, dtype=torch.float64), torch.randn(2, 7, 8, dtype=torch.float64)
    ids = torch.randint(0, 64, (2, 7))
    out = moe(x, router, ids, torch.ones(2, 7, dtype=torch.bool), None)
    e, shared = moe.experts, moe.shared_experts
    for b in range(2):
        for t in range(7):
            s = affinity(moe.gate, router[b, t])
            chosen = (
                moe.gate.tid2eid[ids[b, t]].tolist() if is_hash
                else sorted(range(5), key=lambda n: -(s[n] + float(moe.gate.bias[n])))[:2]
            )  # fmt: skip
            expected = by_hand(x[b, t], shared.w1.weight, shared.w2.weight, shared.w3.weight)
            for n in chosen:
                part = by_hand(x[b, t], e.w1[n], e.w2[n], e.w3[n])
                expected = expected + s[n] / sum(s[c] for c in chosen) * 1.5 * part
            assert largest(out[b, t] - expected) <= 1e-10


def test_the_shared_expert_is_clamped_too() -> None:
    expert = Expert(4, 6, LIMIT).double()
    for parameter in expert.parameters():
        torch.nn.init.normal_(parameter, std=5.0)
    x = torch.randn(3, 4, dtype=torch.float64)
    for row in range(3):
        assert largest(expert(x)[row] - by_hand(x[row], expert.w1.weight, expert.w2.weight, expert.w3.weight)) <= 1e-9


def test_an_expert_that_nobody_chose_costs_nothing_and_gets_no_gradient() -> None:
    experts = Experts(4, 6, 5, LIMIT).double()
    for parameter in experts.parameters():
        torch.nn.init.normal_(parameter)
    chosen = torch.tensor([[0, 3], [3, 0], [0, 3]])
    shared = Expert(6, 5, LIMIT).double()
    out = experts(torch.randn(3, 6, dtype=torch.float64), chosen, torch.rand(3, 2, dtype=torch.float64), shared)
    out.sum().backward()
    for parameter in experts.parameters():
        touched = parameter.grad.flatten(1).abs().sum(1) > 0
        assert touched.tolist() == [True, False, False, True]


# --- statistics ----------------------------------------------------------------------------------------------


def test_padding_is_not_counted() -> None:
    moe = random_moe()
    x = torch.randn(2, 6, 8, dtype=torch.float64)
    real = torch.tensor([[True] * 6, [True] * 2 + [False] * 4])
    aux = AuxiliaryLosses()
    moe(x, x, None, real, aux)
    chosen, _, _ = moe.gate(x.flatten(0, 1), None)
    kept = chosen[real.flatten()].flatten()
    assert aux.loads["text.0"].tolist() == torch.bincount(kept, minlength=5).tolist()
    other = x.clone()
    other[1, 2:] = 100.0
    again = AuxiliaryLosses()
    moe(other, other, None, real, again)
    assert torch.equal(aux.loads["text.0"], again.loads["text.0"])
    assert torch.equal(aux.balance[0], again.balance[0])


def test_the_balance_loss_follows_its_formula() -> None:
    moe = random_moe()
    x = torch.randn(2, 6, 8, dtype=torch.float64)
    lengths = (6, 4)
    real = torch.tensor([[t < n for t in range(6)] for n in lengths])
    aux = AuxiliaryLosses()
    moe(x, x, None, real, aux)
    total = 0.0
    for row, length in enumerate(lengths):
        chosen, _, scores = moe.gate(x[row, :length], None)
        for e in range(5):
            f = 5 / (2 * length) * int((chosen == e).sum())
            p = float((scores[:, e] / scores.sum(-1)).mean().detach())
            total += f * p / 2
    assert float(aux.balance[0].detach()) == pytest.approx(total)


def test_a_perfectly_even_router_has_a_balance_loss_of_one() -> None:
    moe = random_moe()
    with torch.no_grad():
        moe.gate.weight.zero_()
    aux = AuxiliaryLosses()
    x = torch.randn(1, 6, 8, dtype=torch.float64)
    moe(x, x, None, torch.ones(1, 6, dtype=torch.bool), aux)
    assert float(aux.balance[0].detach()) == pytest.approx(1.0)


def test_statistics_of_a_pass_cover_every_layer_and_real_tokens_only() -> None:
    model = random_model(small_config(visual=None))
    aux = AuxiliaryLosses()
    rows = [Text(ids=[1, 2, 3, 4, 5]), Text(ids=[6, 7])]
    model(pack([[[row]] for row in rows], text_multiple=8), aux=aux)
    assert set(aux.loads) == {f"text.{n}" for n in range(4)} and len(aux.balance) == 4
    assert all(int(load.sum()) == 7 * 2 for load in aux.loads.values())


def test_statistics_do_not_change_the_outcome() -> None:
    model = random_model(small_config(visual=None))
    ids = torch.arange(12)[None]
    assert torch.equal(
        model(pack_ids(ids)).hidden, model(pack_ids(ids), aux=AuxiliaryLosses(wants_indexer=True)).hidden
    )
