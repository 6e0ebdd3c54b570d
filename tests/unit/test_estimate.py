"""Closed forms agree with what runs, rates with what is published, and files with what was saved."""

import dataclasses
import json
import pathlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from builders import clean, noisy, random_model, small_config, text
from sancai.checkpoint import save_official
from sancai.device import CHIP_SPECS, Machine, parse_machine
from sancai.device.efficiency import UNKNOWN, efficiency_of
from sancai.device.fingerprint import cache_folder
from sancai.device.platform import get_platform
from sancai.errors import CheckpointError, RequestError
from sancai.estimate import (
    Calibration,
    CostModel,
    ElementBytes,
    Interval,
    Predictor,
    Scenario,
    Target,
    Trace,
    Workload,
    calibration,
)
from sancai.estimate.calibration import cached_calibration
from sancai.estimate.cost_model import expected_experts_used
from sancai.estimate.memory import activation_bytes, copied_bytes, training_bytes
from sancai.estimate.model_spec import FP4, FP8, find_model
from sancai.estimate.op_cost import CostTotals, OpCost, totals, with_backward
from sancai.estimate.predict import optimizer_cost
from sancai.estimate.rates import ChipRates, Grid, MeasuredRates, check_rates, total_seconds
from sancai.estimate.report import format_count, format_interval, format_number
from sancai.model import Cache, Experts, Transformer
from sancai.ops.quantisation import quantise_fp4, quantise_fp8, unpack
from sancai.sequence import pack

RATES = MeasuredRates(
    products=Grid((1, 100), (10, 1000), ((1e9, 2e9), (4e9, 8e9))), traffic=Grid((1,), (1000, 10**6), ((1e9, 1e10),)),
    streams=Grid((1,), (1000,), ((1e9,),)), scores=Grid((1,), (1000,), ((1e9,),)),
    launch=1e-5, sinkhorn_launch=1e-6,
)  # fmt: skip


# -- closed forms against what runs ------------------------------------------------------------------


@pytest.fixture
def traced(rng: np.random.Generator, references_only: None) -> dict[str, tuple[Trace, Workload]]:
    """Return what a small model on this CPU asked for, and the load that describes it, for three passes."""
    config = small_config(index_topk=64)
    model = random_model(config).requires_grad_(False)
    with torch.no_grad():
        cache = model(pack([[[text(rng, 32)]]]), use_cache=True).cache
        passes = {
            "decode": (pack([[[text(rng, 1)]]], cache.cursors), cache, Workload(text=1, context=32, scored=1)),
            "prefill": (pack([[[text(rng, 32)]]]), None, Workload(text=32, scored=32)),
            "denoise": (
                pack([[[noisy(rng, 2, frame=(4, 4))]]], cache.cursors), cache,
                Workload(noisy=32, context=32, frame_tokens=16),
            ),
            "mixed": (
                pack([[[text(rng, 32), clean(rng, 1, frame=(4, 4)), noisy(rng, 1, frame=(4, 4))]]]), None,
                Workload(text=32, committed=16, noisy=16, frame_tokens=16, scored=32),
            ),
        }  # fmt: skip
        return {name: (traced_pass(model, *parts), parts[2]) for name, parts in passes.items()}


def traced_pass(model: Transformer, packed: object, cache: Cache | None, load: Workload) -> Trace:
    """Return the trace of one pass with its scores; what experts do, routed and shared, stands apart."""
    trace = Trace("cpu")
    for module in model.modules():
        if isinstance(module, Experts):
            module.register_forward_pre_hook(lambda *_: setattr(trace, "part", "experts"))
            module.register_forward_hook(lambda *_: setattr(trace, "part", ""))
    with trace:
        hidden = model(packed, cache).hidden
        if hidden is not None:
            model.logits(hidden[:, -load.scored :])
    return trace


@pytest.mark.parametrize("name", ["decode", "prefill", "denoise", "mixed"])
def test_formulas_count_what_a_small_model_does(name: str, traced: dict[str, tuple[Trace, Workload]]) -> None:
    trace, load = traced[name]
    config = small_config(index_topk=64)
    operators = CostModel(config, "cpu", ElementBytes(math=4, weights=4, experts=4)).forward(load)
    formula = totals(operators)
    outside = totals(o for o in operators if o.part not in ("experts", "shared"))
    unread = 2 * load.committed * config.hidden_size * config.hc_mult**2  # nothing reads the last mix of clean blocks
    assert outside.flops - unread == trace.parts[""]["flops"]
    assert formula.flops == pytest.approx(trace.flops, rel=0.06)  # experts pad their rows by how the router chose
    assert formula.launches == pytest.approx(trace.launches, rel=0.06)
    assert formula.bytes == pytest.approx(trace.bytes_moved, rel=0.25)


@pytest.mark.parametrize("name", ["v4-flash", "v4-pro"])
def test_a_decoded_token_multiplies_with_every_active_parameter(name: str) -> None:
    subject = find_model(name)
    operators = CostModel(subject.config, "fused", subject.formats).forward(Workload(text=1, scored=1))
    weights = sum(o.flops / 2 for o in operators if o.kind == "matrix" and o.part not in ("attend", "index"))
    indexer = sum(o.flops / 2 for o in operators if o.part == "index")
    assert weights + indexer == pytest.approx(subject.sizes.active, rel=0.02)


def test_a_large_batch_reads_every_weight_once() -> None:
    subject = find_model("v4-flash")
    c = subject.config
    operators = CostModel(c, "fused", subject.formats).forward(Workload(batch=4096, text=1, scored=1))
    one = CostModel(c, "fused", subject.formats).forward(Workload(batch=8192, text=1, scored=1))
    moved = 2 * totals(operators).bytes - totals(one).bytes  # what does not grow with the batch
    outside = 2 * c.vocab_size * c.hidden_size + subject.weight_bytes * (
        1 - subject.sizes.backbone / subject.parameters
    )
    scores = 2 * c.vocab_size * c.hidden_size  # read in fp32, stored in bf16
    assert moved - scores == pytest.approx(subject.weight_bytes - outside, rel=0.02)


@pytest.mark.parametrize(("quantise", "stored"), [(quantise_fp8, FP8), (quantise_fp4, FP4)])
def test_unpacking_weights_moves_what_the_formula_says(quantise: Callable[..., tuple], stored: float) -> None:
    numbers, scales = quantise(torch.randn(512, 512))
    with Trace("cpu") as trace:
        unpack(numbers, scales, torch.bfloat16)
    moved, launches = CostModel(small_config(), "cpu", ElementBytes(math=2)).casting(stored, 2.0)
    assert moved == pytest.approx(trace.bytes_moved / 512**2, rel=0.15)
    assert launches == pytest.approx(trace.launches, abs=1)


def test_experts_touched() -> None:
    assert expected_experts_used(8, 2, 1) == pytest.approx(2)
    assert expected_experts_used(256, 6, 10_000) == pytest.approx(256)
    draws = np.random.default_rng(0)
    seen = [len({i for _ in range(10) for i in draws.choice(16, 2, replace=False)}) for _ in range(400)]
    assert expected_experts_used(16, 2, 10) == pytest.approx(np.mean(seen), rel=0.02)


def test_a_trace_sees_two_devices_and_wide_numbers() -> None:
    with Trace("meta") as trace:
        here, there = torch.zeros(2, 2), torch.zeros(2, 2, device="meta")
        torch.mm(there, here)
        there.double()
    assert dict(trace.mixed) == {"mm": 1} and list(trace.wide) == ["_to_copy"]


def test_a_trace_counts_products_traffic_and_memory() -> None:
    with Trace("meta") as trace:
        left = torch.ones(3, 4, device="meta")
        trace.part = "product"
        right = left.t() @ left
        del right
        left.add_(1)
    assert trace.parts["product"] == {"flops": 2 * 4 * 3 * 4, "launches": 2, "bytes": 4 * (12 + 12 + 16) + 4 * 24}
    assert (trace.peak_bytes, trace.live_bytes) == (4 * (12 + 16), 4 * 12)


def test_the_backward_pass_adds_twice_the_products() -> None:
    learning = OpCost(part="a", kind="matrix", flops=10, bytes=4, launches=1)
    resting = replace(learning, backward=0)
    assert totals(with_backward([learning, resting])) == CostTotals(10 * 3 + 10, 4 * 3 + 4, 2.7 + 1)
    assert totals(with_backward([learning, resting], recompute=True)).flops == 10 * 4 + 10


def test_the_optimizer_multiplies_as_newton_schulz_does() -> None:
    one = small_config(visual=None)
    wide = replace(one, moe_intermediate_size=2 * one.moe_intermediate_size)
    assert optimizer_cost(wide).flops > optimizer_cost(one).flops > 0


# -- rates -------------------------------------------------------------------------------------------


def test_a_grid_holds_its_points_and_reads_between_them() -> None:
    grid = RATES.products
    assert grid.at(1, 10) == pytest.approx(1e9) and grid.at(100, 1000) == pytest.approx(8e9)
    assert grid.at(10, 10) == pytest.approx(2e9)  # halfway in logarithms
    assert grid.at(0.1, 1e9) == pytest.approx(2e9) and grid.at(1e9, 1) == pytest.approx(4e9)


def test_a_cpu_starts_and_works_in_turn_and_a_chip_at_once() -> None:
    product = OpCost(part="a", kind="matrix", flops=8e9, bytes=1, launches=100, rows=100, weights=1000)
    assert RATES.seconds(product) == pytest.approx(1.0 + 1e-3)
    assert replace(RATES, overlaps=True).seconds(product) == pytest.approx(1.0)
    chain = OpCost(part="sinkhorn", kind="vector", bytes=0, launches=1000)
    assert RATES.seconds(chain) == pytest.approx(1e-3)
    assert RATES.seconds(replace(chain, part="norm")) == pytest.approx(1e-2)


def test_chips_take_the_longest_of_arithmetic_traffic_and_starting() -> None:
    card, costs = CHIP_SPECS["ascend-910b3"], efficiency_of(CHIP_SPECS["ascend-910b3"])[0]
    rates = ChipRates(Machine(2, card), costs, tokens=100)
    work = OpCost(part="project", kind="matrix", flops=1e15, bytes=1, launches=1)
    assert rates.seconds(work) == pytest.approx(1e15 / 2 / (294.9e12 * 0.7))
    assert rates.seconds(replace(work, flops=0, bytes=1e12)) == pytest.approx(1e12 / 2 / (1.6e12 * 0.6))
    assert rates.seconds(replace(work, flops=0, launches=10)) == pytest.approx(50e-6)
    lonely = replace(rates, tokens=1)
    assert lonely.seconds(replace(work, part="hyper", flops=0, bytes=1e12)) == pytest.approx(1e12 / (1.6e12 * 0.6))


def test_one_chip_exchanges_nothing_and_more_chips_more() -> None:
    config, card = find_model("v4-flash").config, CHIP_SPECS["ascend-910c"]
    times = [
        ChipRates(Machine(n, card), efficiency_of(card)[0]).exchange_seconds(config, Workload(text=4096), 2.0)
        for n in (1, 2, 8)
    ]
    assert times[0] == 0 < times[1]
    states = 4096 * config.hidden_size * 2
    ring = 43 * ((2 * 7 / 8 * states * (1 + 6 / 8)) / (784e9 / 2 * 0.7) + 2e-5)
    assert times[2] == pytest.approx(ring)


def test_unpublished_rates_are_never_guessed() -> None:
    with pytest.raises(RequestError, match="bf16 TFLOPS, memory rate"):
        check_rates(Machine(1, CHIP_SPECS["metax-c500"]))
    with pytest.raises(RequestError, match="link rate"):
        Target("eager", Machine(2, CHIP_SPECS["metax-c600"]))
    Target("eager", Machine(1, CHIP_SPECS["metax-c600"]))


def test_unknown_software_gives_a_range() -> None:
    assert (
        efficiency_of(CHIP_SPECS["nvidia-h100"]) == UNKNOWN and len(efficiency_of(CHIP_SPECS["ascend-950pr-pcie"])) == 1
    )
    subject = find_model("v4-flash")
    for chips, is_range in (("8xnvidia-h200", True), ("8xascend-910c", False)):
        span = Predictor(subject.config, subject.formats, Target("fused", parse_machine(chips)), Scenario()).prefill()
        assert (span.low < span.high) is is_range


@pytest.mark.parametrize(("together", "measured"), [(1024, 15569), (100, 4071)])
def test_served_rates_that_were_published_stay_below_the_best_case(together: int, measured: float) -> None:
    """vllm-ascend's weekly runs: V4-Flash, two nodes of eight A3 cards, one of them decoding, 3.5k in and 1.5k out."""
    subject = find_model("v4-flash")
    question = Scenario(context=3500 + 750, batch=together)
    best = Predictor(subject.config, subject.computing(2), Target("fused", parse_machine("8xascend-910c")), question)
    assert 1 <= best.decode(together).low / measured <= 4


def test_more_of_everything_takes_longer() -> None:
    subject = find_model("v4-flash")

    def asked(question: Scenario) -> Predictor:
        return Predictor(
            subject.config, subject.computing(2), Target("eager", parse_machine("16xascend-910c")), question
        )

    base, more = asked(Scenario()), asked(Scenario(context=65536, side=1024, guided=True, frames=16))
    assert more.decode(1).low < base.decode(1).low < base.decode(64).low
    assert more.picture().low > 2 * base.picture().low and more.film().low > 2 * base.film().low
    assert base.training(2e9).low == pytest.approx(2 * base.training(1e9).low)


def test_spans_add_and_turn_into_rates() -> None:
    span = Interval(1.0, 2.0) + Interval(1.0, 1.0) * 2
    assert span == Interval(3.0, 4.0) and span.per_second(12) == Interval(3.0, 4.0)
    assert format_interval(Interval(3.0, 4.0)) == "3 to 4" and format_interval(Interval(1234.5, 1234.6)) == "1,230"
    assert [format_number(v) for v in (0.01234, 99.96, 100.4, 8991.0)] == ["0.0123", "100", "100", "8,990"]
    assert [format_count(v) for v in (12, 2.5e6, 1e12)] == ["12", "2.5 million", "1 trillion"]


# -- memory and subjects -----------------------------------------------------------------------------


def test_memory_of_training() -> None:
    config = find_model("v4-flash").config
    assert training_bytes(10) == 160
    row = Workload(text=4096)
    assert (
        0
        < activation_bytes(config, ElementBytes(), row)
        < activation_bytes(config, ElementBytes(), row, recompute=False)
    )
    assert copied_bytes(config, row) == 0, "tiles of large experts take turns"
    small = dataclasses.replace(config, hidden_size=256, moe_intermediate_size=192)
    assert copied_bytes(small, row) / 1e9 == pytest.approx(43 * (4096 * 6 / 16 + 256) * 3 * 256 * 192 * 2 / 1e9)


def test_folders_say_how_their_numbers_are_stored(tmp_path: pathlib.Path) -> None:
    config = small_config(visual=None, hidden_size=64, moe_intermediate_size=64)
    save_official(tmp_path / "narrow", config, Transformer(config).state_dict(), "fp4")
    narrow = find_model(str(tmp_path / "narrow"))
    assert (narrow.formats.weights, narrow.formats.experts, narrow.is_ours) == (FP8, FP4, False)
    assert narrow.config.visual is not None and not narrow.has_visual
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "config.json").write_text(json.dumps(small_config().to_dict()))
    ours = find_model(str(tmp_path / "ours"))
    assert ours.parameters == sum(p.numel() for p in Transformer(small_config()).parameters())
    assert (ours.weight_bytes, ours.has_visual) == (4 * ours.parameters, True)
    with pytest.raises(RequestError, match="v4-flash"):
        find_model(str(tmp_path / "none"))


# -- calibration -------------------------------------------------------------------------------------


def test_a_calibration_comes_back_as_it_was_saved(tmp_path: pathlib.Path) -> None:
    kept = Calibration("cpu", "float32", 1, "2.13", RATES)
    kept.save(tmp_path / "deep" / "one.json")
    assert Calibration.load(tmp_path / "deep" / "one.json") == kept
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["one.json"]


@pytest.mark.parametrize("contents", ["", "[]", '{"version": 0}', '{"version": 2, "rates": {}}'])
def test_a_damaged_calibration_is_refused(contents: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "bad.json").write_text(contents)
    with pytest.raises(CheckpointError, match="delete it"):
        Calibration.load(tmp_path / "bad.json")


def test_a_machine_is_measured_once(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANCAI_CACHE", str(tmp_path))
    made: list[int] = []

    def measure(platform: object) -> Calibration:
        made.append(1)
        return Calibration("cpu", "float32", 1, "2.13", RATES)

    monkeypatch.setattr(calibration, "calibrate", measure)
    platform = get_platform("cpu")
    assert cached_calibration(platform) == cached_calibration(platform) and made == [1]
    monkeypatch.delenv("SANCAI_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    assert cache_folder() == tmp_path / "user" / "sancai"


@pytest.mark.slow
def test_measuring_gives_rates_that_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "ROWS": (1, 16), "WIDTHS": (32, 64), "TRAFFIC": (2**10, 2**14), "TOKENS": (2, 8), "QUERIES": (1, 4),
        "POOL": 2**14, "LEAST_SECONDS": 0.001,
    }.items():  # fmt: skip
        monkeypatch.setattr(calibration, name, value)
    found = calibration.calibrate(get_platform("cpu"))
    rates = found.rates
    assert found.threads == torch.get_num_threads() and not rates.overlaps
    assert all(
        rate > 0
        for grid in (rates.products, rates.traffic, rates.streams, rates.scores)
        for row in grid.values
        for rate in row
    )
    assert 1e-8 < rates.sinkhorn_launch < 1e-2 and 1e-8 < rates.launch < 1e-2
    assert (
        total_seconds(rates, CostModel(small_config(), "cpu", ElementBytes()).forward(Workload(text=1, scored=1))) > 0
    )
