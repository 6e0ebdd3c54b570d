"""Text logits equal transformers' DeepseekV4ForCausalLM, however the prompt is cut."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from builders import chunked_logits, largest, noisy, pack_ids, random_model, visual_config
from reference import reference_model
from sancai.checkpoint.names import from_official, to_official
from sancai.model import ModelConfig, Transformer
from sancai.ops.rope import YarnScaling
from sancai.sequence import Text, pack

TOLERANCE = 1e-4
LONGEST = 75
SHORT_YARN = YarnScaling(original_max_position_embeddings=64)

FOUR_STREAMS = ModelConfig(
    num_hidden_layers=7, compress_ratios=(0, 0, 4, 16, 4, 16, 4, 0), sliding_window=16, index_topk=6,
    rope_scaling=SHORT_YARN,
)  # fmt: skip
TWO_STREAMS = ModelConfig(
    num_hidden_layers=7, compress_ratios=(0, 0, 4, 16, 4, 16, 4, 0), sliding_window=16, index_topk=4,
    vocab_size=300, hidden_size=48, num_attention_heads=6, head_dim=24, qk_rope_head_dim=12, q_lora_rank=20,
    o_groups=3, o_lora_rank=24, index_head_dim=20, n_routed_experts=6, num_experts_per_tok=3,
    moe_intermediate_size=24, num_hash_layers=2, routed_scaling_factor=2.5, swiglu_limit=1.0, hc_mult=2,
    hc_sinkhorn_iters=7, rope_scaling=YarnScaling(factor=8.0, original_max_position_embeddings=256),
)  # fmt: skip
CONFIGS = {"four streams": FOUR_STREAMS, "two streams": TWO_STREAMS}

BORDERS = {"m": 4, "window and m'": 16, "4·topk of two streams": 16, "4·topk of four streams": 24, "2m'": 32}
LENGTHS = sorted({1, 2, 47, 48, 49, 64, LONGEST} | {b + d for b in BORDERS.values() for d in (-1, 0, 1)})


@dataclass(frozen=True)
class Twins:
    """Our model, the reference logits by length, and the ids."""

    model: Transformer
    ids: Tensor
    expected: dict[int, Tensor]


@pytest.fixture(scope="module", params=sorted(CONFIGS))
def twins(request: pytest.FixtureRequest) -> Twins:
    config = CONFIGS[request.param]
    model = random_model(config, seed=3, amount=0.05)
    ids = torch.randint(0, config.vocab_size, (2, LONGEST), generator=torch.Generator().manual_seed(5))
    twin = reference_model(model)
    with torch.no_grad():
        expected = {n: twin(ids[:, :n]).logits for n in LENGTHS}
    return Twins(model, ids, expected)


@torch.no_grad()
def test_prefill_equals_the_reference_at_lengths_around_every_border(twins: Twins) -> None:
    wrong = {}
    for length, expected in twins.expected.items():
        logits = twins.model.logits(twins.model(pack_ids(twins.ids[:, :length])).hidden)
        assert logits.shape == expected.shape
        wrong[length] = largest(logits - expected)
    assert max(wrong.values()) <= TOLERANCE, wrong


@pytest.mark.parametrize(
    "sizes",
    [(1,) * LONGEST, (3,) * 25, (5,) * 15, (16, 16, 16, 16, 11), (17, 17, 17, 17, 7), (1, 2, 30, 31, 11), (74, 1)],
    ids=["token by token", "3", "5", "16", "17", "uneven", "all but one"],
)
@torch.no_grad()
def test_chunked_prefill_and_decode_equal_stock(twins: Twins, sizes: tuple[int, ...]) -> None:
    assert sum(sizes) == LONGEST
    logits = chunked_logits(twins.model, twins.ids, sizes)
    assert largest(logits - twins.expected[LONGEST]) <= TOLERANCE


@torch.no_grad()
def test_ragged_rows_equal_reference_rows(twins: Twins) -> None:
    lengths = (33, 17)
    packed = pack([[[Text(ids=row[:n].tolist())]] for row, n in zip(twins.ids, lengths, strict=True)])
    logits = twins.model.logits(twins.model(packed).hidden)
    for row, length in enumerate(lengths):
        assert largest(logits[row, :length] - twins.expected[length][row]) <= TOLERANCE


@torch.no_grad()
def test_the_comparison_would_notice_yarn_the_window_and_the_topk(twins: Twins) -> None:
    expected = twins.expected[LONGEST]
    for change in ({"rope_scaling": YarnScaling()}, {"sliding_window": 15}, {"index_topk": 5}, {"swiglu_limit": 0.1}):
        other = Transformer(replace(twins.model.config, **change)).eval()
        other.load_state_dict(twins.model.state_dict())
        logits = other.logits(other(pack_ids(twins.ids)).hidden)
        assert largest(logits - expected) > 10 * TOLERANCE, change


@torch.no_grad()
def test_a_visual_half_leaves_text_logits_bitwise_alone() -> None:
    config = replace(FOUR_STREAMS, visual=visual_config())
    both = random_model(config, seed=7)
    alone = Transformer(replace(config, visual=None)).eval()
    alone.load_state_dict(both.export_text())
    ids = torch.randint(0, config.vocab_size, (2, 41), generator=torch.Generator().manual_seed(1))
    assert torch.equal(both.logits(both(pack_ids(ids)).hidden), alone.logits(alone(pack_ids(ids)).hidden))
    sizes = (20, 1, 1, 1, 18)
    assert torch.equal(chunked_logits(both, ids, sizes), chunked_logits(alone, ids, sizes))


@torch.no_grad()
def test_a_text_request_never_enters_the_visual_half(rng: np.random.Generator) -> None:
    model = random_model(replace(FOUR_STREAMS, visual=visual_config()), seed=7)
    entered = []
    for name, module in model.visual.named_modules():
        module.register_forward_hook(lambda *_, name=name: entered.append(name))
    model(pack_ids(torch.arange(20)[None]), use_cache=True)
    assert entered == []
    model(pack([[[Text(ids=[1, 2]), noisy(rng)]]]))
    assert entered, "the hooks would have seen a visual branch"


def test_export_text_gives_exactly_the_text_half() -> None:
    both = random_model(replace(FOUR_STREAMS, visual=visual_config()), seed=7)
    reference = Transformer(FOUR_STREAMS)
    exported = both.export_text()
    assert set(exported) == set(reference.state_dict())
    assert all(torch.equal(tensor, both.state_dict()[name]) for name, tensor in exported.items())


def test_official_names_round_trip_and_keep_the_visual_half() -> None:
    weights = random_model(replace(FOUR_STREAMS, visual=visual_config()), seed=7).state_dict()
    official = to_official(weights)
    back = from_official(official)
    assert set(back) == set(weights)
    assert all(torch.equal(back[name], tensor) for name, tensor in weights.items())
    shuffled = from_official(dict(reversed(official.items())))
    assert all(torch.equal(shuffled[name], tensor) for name, tensor in weights.items())


def test_official_names_are_those_of_deepseeks_files() -> None:
    config = FOUR_STREAMS
    official = to_official(random_model(config).export_text())
    width, experts = config.hidden_size, config.n_routed_experts
    shapes = {name: tuple(tensor.shape) for name, tensor in official.items()}
    expected = {
        "embed.weight": (512, width), "head.weight": (512, width), "norm.weight": (width,),
        "hc_head_fn": (4, 4 * width), "hc_head_base": (4,), "hc_head_scale": (1,),
        "layers.0.hc_attn_fn": (24, 4 * width), "layers.6.hc_ffn_base": (24,), "layers.6.hc_ffn_scale": (3,),
        "layers.0.attn.wq_a.weight": (32, width), "layers.0.attn.attn_sink": (4,),
        "layers.2.attn.compressor.wkv.weight": (64, width), "layers.2.attn.compressor.ape": (4, 64),
        "layers.3.attn.compressor.wgate.weight": (32, width), "layers.3.attn.compressor.ape": (16, 32),
        "layers.2.attn.indexer.wq_b.weight": (256, 32), "layers.2.attn.indexer.weights_proj.weight": (16, width),
        "layers.2.attn.indexer.compressor.ape": (4, 32), "layers.0.ffn.gate.tid2eid": (512, 2),
        "layers.1.ffn.gate.bias": (experts,), "layers.1.ffn.shared_experts.w1.weight": (32, width),
        f"layers.1.ffn.experts.{experts - 1}.w2.weight": (width, 32), "mtp.0.e_proj.weight": (width, width),
        "mtp.0.h_proj.weight": (width, width), "mtp.0.enorm.weight": (width,), "mtp.0.hnorm.weight": (width,),
        "mtp.0.norm.weight": (width,), "mtp.0.hc_head_fn": (4, 4 * width), "mtp.0.ffn.gate.bias": (experts,),
    }  # fmt: skip
    assert {name: shapes.get(name) for name in expected} == expected
    assert official["layers.0.ffn.gate.tid2eid"].dtype == torch.int64
    assert "layers.0.ffn.gate.bias" not in official
