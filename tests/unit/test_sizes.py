"""Sizes from formulas are the published ones."""

import pytest

from builders import small_config
from sancai.checkpoint.sizes import model_sizes, row_bytes
from sancai.cli import main
from sancai.estimate import Calibration
from sancai.estimate.rates import Grid, MeasuredRates
from sancai.model import Transformer, named_config

V32_BYTES_PER_TOKEN = 61 * (656 + 132)
"""DeepSeek-V3.2: 61 layers of a latent and an index key."""


@pytest.mark.parametrize(
    ("name", "backbone", "whole", "active", "smaller"),
    [("v4-flash", 284.33, 290.94, 13.27, 13.67), ("v4-pro", 1573.0, 1598.8, 48.85, 9.55)],
)
def test_released_models(name: str, backbone: float, whole: float, active: float, smaller: float) -> None:
    sizes = model_sizes(named_config(name))
    assert sizes.backbone / 1e9 == pytest.approx(backbone, rel=1e-4)
    assert sizes.parameters / 1e9 == pytest.approx(whole, rel=1e-4)
    assert sizes.active / 1e9 == pytest.approx(active, rel=1e-3)
    million = 2**20
    assert million * V32_BYTES_PER_TOKEN / sizes.cache_bytes(million) == pytest.approx(smaller, rel=1e-3)
    assert sizes.cache_bytes_per_token == pytest.approx({"v4-flash": 3514, "v4-pro": 5031}[name], rel=1e-3)


def test_a_row_is_as_published() -> None:
    assert row_bytes(named_config("v4-flash")) == 584


def test_parameters_are_those_of_the_model() -> None:
    config = small_config(visual=None)
    assert model_sizes(config, "fp8").parameters == sum(p.numel() for p in Transformer(config).parameters())


def test_the_window_stops_growing_and_entries_do_not() -> None:
    sizes = model_sizes(named_config("v4-flash"))
    short, window = sizes.cache_bytes(64), sizes.cache_bytes(128)
    assert 0 < short < window < sizes.cache_bytes(4096)
    assert sizes.cache_bytes(2**20) - sizes.cache_bytes(2**19) == pytest.approx(2**19 * sizes.cache_bytes_per_token)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--model", "v4-flash", "--chips", "16xascend-910c"], 0, ["290.9B", "13.27B", "fits     yes", "16 × ascend"]),
        (["--model", "v4-pro", "--chips", "2xnvidia-h200"], 0, ["864,704,792,696", "fits     no", "take about 8"]),
        (["--model", "v4-flash-base"], 0, ["bytes a token", "1,048,576 tokens"]),
        (["--model", "v5"], 1, ["v4-flash-base"]),
        (["--model", "v4-pro", "--chips", "3xtoaster"], 1, ["COUNTxCHIP"]),
        (["--chips", "1xmetax-c500"], 1, ["needs --model"]),
    ],
)  # fmt: skip
def test_doctor_tells_what_fits(
    arguments: list[str], code: int, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", *arguments]) == code
    told = capsys.readouterr()
    assert all(word in told.out + told.err for word in words), told.out + told.err


CHIPS = ["--model", "v4-flash", "--chips", "16xascend-910c"]
HERE = ["--model", "tiny", "--chips", "here"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (CHIPS, 0, ["decode   1 sequence after 4,096", "64 sequences", "prefill  4,096", "picture  512×512, 8 steps",
                    "film", "train    1 trillion", "reached: 70%", "takes 37 or more"]),
        ([*CHIPS, "--price-per-hour", "2", "--train-tokens", "1e9"], 0, ["cost ", "1 billion tokens, at 2 an hour"]),
        ([*CHIPS, "--guidance", "--steps", "4", "--side", "64"], 0, ["64×64, 4 steps with guidance"]),
        (["--model", "v4-pro", "--chips", "2xnvidia-h200"], 0, ["as if the weights did fit", " to ", "30% of arith"]),
        (["--model", "v4-flash", "--chips", "4xmetax-c500"], 0, ["no estimate, because", "bf16 TFLOPS"]),
        (["--model", "tiny", "--chips", "1xascend-910b4"], 0, ["18.5M parameters", "its own visual half"]),
        (["--model", "tiny"], 0, ["in fp32, as they are loaded"]),
        ([*CHIPS, "--side", "100"], 1, ["whole 8×8 patches"]),
        ([*CHIPS, "--batch", "0"], 1, ["--batch is 0; choose 1 to"]),
        ([*CHIPS, "--train-tokens", "nan"], 1, ["--train-tokens is nan"]),
        (["--model", "v4-flash", "--price-per-hour", "2"], 1, ["needs --chips"]),
        (["--model", "tiny", "--chips", "hier"], 1, ["COUNTxCHIP", ", or here"]),
        (["--model", "no/such/folder"], 1, ["a model folder or a released one"]),
    ],
)  # fmt: skip
def test_doctor_predicts(arguments: list[str], code: int, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", *arguments]) == code
    told = capsys.readouterr()
    assert all(word in told.out + told.err for word in words), told.out + told.err
    assert "cost " not in told.out or "--price-per-hour" in arguments


@pytest.mark.slow
def test_doctor_predicts_for_this_machine(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    flat = Grid((1,), (1,), ((1e9,),))
    rates = MeasuredRates(products=flat, traffic=flat, streams=flat, scores=flat, launch=1e-5, sinkhorn_launch=1e-6)
    monkeypatch.setattr("sancai.estimate.cached_calibration", lambda _: Calibration("cpu", "float32", 1, "2.13", rates))
    assert main(["doctor", *HERE, "--side", "64"]) == 0
    told = capsys.readouterr().out
    assert "fits" not in told
    assert main(["doctor", "--model", "v4-pro", "--chips", "here"]) == 0
    assert "fits     no: this machine has" in capsys.readouterr().out
    assert "here     cpu, float32, 1 threads: products up to 1 GFLOP/s" in told and "this machine" in told
