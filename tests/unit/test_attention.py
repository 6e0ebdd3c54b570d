"""Sites, attention weights and the indexer's loss, against the report's equations written out."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from builders import largest, pack_ids, random_model, small_config
from sancai.model import AuxiliaryLosses
from sancai.model.attention import Attention
from sancai.model.hyper_connection import HyperConnection
from sancai.model.indexer import MaskedKeys, attention_to_entries, indexer_loss
from sancai.model.linear import RMSNorm
from sancai.model.site import Residual, Site
from sancai.ops.rope import angles, frequencies

CONFIG = small_config(hc_mult=3, visual=None)


def randomised(module: torch.nn.Module) -> torch.nn.Module:
    """Return the module in double precision with random parameters."""
    for parameter in module.double().parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return module


def rope(positions: Tensor) -> tuple[Tensor, Tensor]:
    """Return tables (B, T, 1, R/2) of text at positions (B, T)."""
    table = angles(positions.double()[..., None].expand(-1, -1, 3), frequencies(CONFIG.qk_rope_head_dim, 100.0, None))
    cos, sin = (t.double()[:, :, None] for t in table)
    return cos, sin


# --- a site ------------------------------------------------------------------------------------------------------


def test_a_site_follows_the_equations_of_the_report() -> None:
    n, dim, eps = 3, CONFIG.hidden_size, CONFIG.hc_eps
    connection = randomised(HyperConnection(CONFIG))
    norm = randomised(RMSNorm(dim, CONFIG.rms_norm_eps))
    site, streams = Site(connection, norm), torch.randn(1, 2, n, dim, dtype=torch.float64)
    entered, output = site.enter(Residual(streams)), torch.randn(1, 2, dim, dtype=torch.float64)
    after = site.enter(site.leave(entered, output)).streams
    for t in range(2):
        x = streams[0, t]
        v = x.flatten()
        u = connection.fn @ v / math.sqrt(float(v.square().mean()) + CONFIG.rms_norm_eps)
        scale, base = connection.scale.tolist(), connection.base
        a = torch.sigmoid(u[:n] * scale[0] + base[:n]) + eps
        p = 2 * torch.sigmoid(u[n : 2 * n] * scale[1] + base[n : 2 * n])
        m = (u[2 * n :] * scale[2] + base[2 * n :]).view(n, n).softmax(1) + eps
        m = m / (m.sum(0) + eps)
        for _ in range(CONFIG.hc_sinkhorn_iters - 1):
            m = m / (m.sum(1, keepdim=True) + eps)
            m = m / (m.sum(0) + eps)
        z = (a[:, None] * x).sum(0)
        hidden = norm.weight * z / torch.sqrt(z.square().mean() + CONFIG.rms_norm_eps)
        assert largest(entered.hidden[0, t] - hidden) <= 1e-10
        for k in range(n):
            expected = p[k] * output[0, t] + sum(m[j, k] * x[j] for j in range(n))
            assert largest(after[0, t, k] - expected) <= 1e-10


def test_text_reads_what_the_router_reads() -> None:
    site = Site(randomised(HyperConnection(CONFIG)), randomised(RMSNorm(CONFIG.hidden_size, 1e-6)))
    entered = site.enter(Residual(torch.randn(1, 2, 3, CONFIG.hidden_size, dtype=torch.float64)))
    assert entered.hidden is entered.normed


# --- weights -------------------------------------------------------------------------------------------------------


def attend(weights: Attention, hidden: Tensor, positions: Tensor) -> Tensor:
    """Return the outputs of tokens that all read each other."""
    tables = rope(positions)
    seen = weights.project(hidden, *tables)
    mask = torch.ones(hidden.shape[0], hidden.shape[1], hidden.shape[1], dtype=torch.bool)
    return weights.project_output(weights.attend(seen.query, seen.key, mask), *tables)


def test_only_differences_of_positions_matter() -> None:
    weights = randomised(Attention(CONFIG, 0))
    hidden, positions = torch.randn(2, 5, CONFIG.hidden_size, dtype=torch.float64), torch.arange(5).expand(2, 5)
    usual = attend(weights, hidden, positions)
    assert largest(usual - attend(weights, hidden, positions + 40)) <= 1e-6
    assert largest(usual - attend(weights, hidden, positions * 3)) > 1e-4


def test_every_query_head_is_normalised() -> None:
    weights = randomised(Attention(CONFIG, 0))
    seen = weights.project(torch.randn(1, 5, CONFIG.hidden_size, dtype=torch.float64), *rope(torch.arange(5)[None]))
    assert seen.query.square().mean(-1).sub(1).abs().max() <= 1e-4


def test_the_output_is_projected_group_by_group() -> None:
    weights = randomised(Attention(CONFIG, 0))
    out = torch.randn(1, 1, weights.heads, weights.width, dtype=torch.float64)
    given = weights.project_output(out, *rope(torch.zeros(1, 1)))
    heads, rank = weights.heads // weights.groups, CONFIG.o_lora_rank
    parts = []
    for group in range(weights.groups):
        content = out[0, 0, group * heads : (group + 1) * heads].flatten()
        parts.append(weights.wo_a.weight[group * rank : (group + 1) * rank] @ content)
    assert largest(given[0, 0] - weights.wo_b.weight @ torch.cat(parts)) <= 1e-10


def test_one_token_shares_its_attention_with_the_sink() -> None:
    weights = randomised(Attention(CONFIG, 0))
    seen = weights.project(torch.randn(1, 1, CONFIG.hidden_size, dtype=torch.float64), *rope(torch.zeros(1, 1)))
    out = weights.attend(seen.query, seen.key, torch.ones(1, 1, 1, dtype=torch.bool))
    for head in range(weights.heads):
        score = float((seen.query[0, 0, head] @ seen.key[0, 0]).detach()) * weights.width**-0.5
        share = math.exp(score) / (math.exp(score) + math.exp(float(weights.attn_sink[head].detach())))
        assert largest(out[0, 0, head] - share * seen.key[0, 0]) <= 1e-6


# --- the indexer's loss --------------------------------------------------------------------------------------------


@pytest.fixture
def reading() -> SimpleNamespace:
    """Return queries, raw keys and entries, some of them hidden; the last query sees no entry."""
    visible = torch.tensor([[[True, True, False], [True, True, True], [False, False, False]]])
    raw = MaskedKeys(torch.randn(1, 4, 8).double(), torch.tensor([[[True] * 2 + [False] * 2, [True] * 4, [True] * 4]]))
    entries = MaskedKeys(torch.randn(1, 3, 8).double(), visible)
    return SimpleNamespace(
        query=torch.randn(1, 3, 2, 8).double(), raw=raw, entries=entries, sink=torch.randn(2).double()
    )


def test_the_target_is_the_attention_of_all_heads_shared_among_entries(reading: SimpleNamespace) -> None:
    target = attention_to_entries(reading.query, reading.raw, reading.entries, reading.sink)
    for t in range(2):
        given = [0.0] * 3
        for head in range(2):

            def weight(part: MaskedKeys, t: int = t, head: int = head) -> list[float]:
                scores = (part.keys[0] @ reading.query[0, t, head] * 8**-0.5).exp() * part.mask[0, t]
                return scores.tolist()

            near, far = weight(reading.raw), weight(reading.entries)
            total = sum(near) + sum(far) + math.exp(float(reading.sink[head]))
            given = [g + f / total for g, f in zip(given, far, strict=True)]
        assert target[0, t].tolist() == pytest.approx([g / sum(given) for g in given])


def test_the_loss_is_zero_where_scores_say_the_target_and_grows_away_from_it(reading: SimpleNamespace) -> None:
    target = attention_to_entries(reading.query, reading.raw, reading.entries, reading.sink)
    scores = target.clamp(min=1e-20).log() + 3.0
    visible = reading.entries.mask
    assert float(indexer_loss(scores, target, visible)) == pytest.approx(0.0, abs=1e-6)
    worse = scores.clone()
    worse[0, 0, 0] += 1.0
    shifted = torch.cat([scores[:, :1, :2].softmax(-1), worse[:, :1, :2].softmax(-1)])
    divergence = float((shifted[0] * (shifted[0] / shifted[1]).log()).sum())
    assert float(indexer_loss(worse, target, visible)) == pytest.approx(divergence / 2)


def test_a_query_that_sees_no_entry_does_not_count(reading: SimpleNamespace) -> None:
    target = attention_to_entries(reading.query, reading.raw, reading.entries, reading.sink)
    scores, visible = torch.randn(1, 3, 3).double(), reading.entries.mask
    without = indexer_loss(scores[:, :2], target[:, :2], visible[:, :2])
    assert float(indexer_loss(scores, target, visible)) == pytest.approx(float(without))


# --- index keys ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("length", "use_cache", "learns", "needed"),
    [(12, False, False, False), (13, False, False, True), (12, True, False, True), (12, False, True, True)],
    ids=["nobody reads them", "more entries than are chosen", "a later pass reads them", "the indexer learns"],
)
@torch.no_grad()
def test_index_keys_are_computed_where_something_reads_them(
    length: int, use_cache: bool, learns: bool, needed: bool
) -> None:
    model = random_model(small_config(visual=None, num_hidden_layers=1, compress_ratios=(4, 0)))
    compressor, seen = model.layers[0].attn.indexer.compressor, []
    compressor.wkv.register_forward_hook(lambda *_: seen.append(True))
    aux = AuxiliaryLosses(wants_indexer=True) if learns else None
    model(pack_ids(torch.arange(length)[None]), use_cache=use_cache, aux=aux)
    assert bool(seen) == needed
