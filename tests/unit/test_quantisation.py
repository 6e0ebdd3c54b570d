"""Packed numbers mean what the formats say, bit by bit, and survive the way there and back."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sancai.errors import CheckpointError
from sancai.ops.quantisation import (
    FP4_VALUES,
    dequantise_fp4,
    dequantise_fp8,
    quantise_fp4,
    quantise_fp8,
    scale_values,
)


def e4m3(code: int) -> float:
    """Return the value of an e4m3 byte, by its definition."""
    sign, exponent, mantissa = (-1) ** (code >> 7), code >> 3 & 15, code & 7
    if exponent == 15 and mantissa == 7:
        return float("nan")
    return sign * (mantissa / 8 * 2.0**-6 if exponent == 0 else (1 + mantissa / 8) * 2.0 ** (exponent - 7))


def test_every_e4m3_byte_has_its_value() -> None:
    codes = torch.arange(256, dtype=torch.uint8).view(torch.float8_e4m3fn)[None]
    values = dequantise_fp8(codes, torch.tensor([[127, 127]], dtype=torch.uint8))[0].tolist()
    for code, value in enumerate(values):
        assert value == e4m3(code) or (value != value and code & 127 == 127), code


def test_every_scale_byte_is_a_power_of_two() -> None:
    values = scale_values(torch.arange(255, dtype=torch.uint8))
    assert values.double().tolist() == [2.0 ** (b - 127) for b in range(255)]


def test_every_fp4_byte_has_its_two_values_low_half_first() -> None:
    packed = torch.arange(256, dtype=torch.uint8).view(torch.int8).view(16, 16)
    got = dequantise_fp4(packed, torch.full((16, 1), 128, dtype=torch.uint8)).view(-1, 2).tolist()
    signed = [*FP4_VALUES, *(-v for v in FP4_VALUES)]
    assert got == [[2 * signed[byte & 15], 2 * signed[byte >> 4]] for byte in range(256)]


def test_each_block_has_its_own_scale() -> None:
    weight = torch.ones(130, 257).to(torch.float8_e4m3fn)
    scale = torch.tensor([[127, 128, 129], [130, 131, 132]], dtype=torch.uint8)
    values = dequantise_fp8(weight, scale)
    for row, column in itertools.product((0, 127, 128, 129), (0, 127, 128, 255, 256)):
        assert values[row, column] == 2.0 ** (3 * (row // 128) + column // 128)


@pytest.mark.parametrize("shape", [(128, 128), (1, 1), (130, 257), (3, 130, 64)])
def test_fp8_comes_back_within_half_a_step(shape: tuple[int, ...]) -> None:
    weight = torch.randn(shape) * 3
    numbers, scale = quantise_fp8(weight)
    back = dequantise_fp8(numbers, scale)
    step = back.abs().clamp(min=float(scale_values(scale).max()) * 2**-6) / 16
    assert bool(((back - weight).abs() <= step * 1.0001).all())
    again, same_scale = quantise_fp8(back)
    assert torch.equal(again.view(torch.uint8), numbers.view(torch.uint8))
    assert torch.equal(same_scale.view(torch.uint8), scale.view(torch.uint8))


def nearest(value: float) -> float:
    """Return the FP4 magnitude nearest to a number up to 6; of two equally near the one with the even code."""
    return min(enumerate(FP4_VALUES), key=lambda pair: (abs(pair[1] - value), pair[0] % 2))[1]


def test_fp4_rounds_to_the_nearest_and_ties_to_even() -> None:
    halves = torch.arange(0, 6.01, 0.125)
    rows = torch.cat([halves, torch.zeros(62 - len(halves))]).view(2, 31)
    wide = torch.cat([rows, torch.full((2, 1), 6.0)], 1).view(1, 64)
    numbers = dequantise_fp4(*quantise_fp4(wide))[0]
    assert numbers.tolist() == [nearest(v) for v in wide[0].tolist()]
    assert dequantise_fp4(*quantise_fp4(-wide))[0].tolist() == [-n for n in numbers.tolist()]


@settings(max_examples=30, deadline=None)
@given(exponent=st.integers(-30, 30), seed=st.integers(0, 100))
def test_fp4_is_stable_under_another_round(exponent: int, seed: int) -> None:
    weight = torch.randn(4, 64, generator=torch.Generator().manual_seed(seed)) * 2.0**exponent
    packed, scale = quantise_fp4(weight)
    back = dequantise_fp4(packed, scale)
    assert bool(((back - weight).abs() <= scale_values(scale).repeat_interleave(32, -1)).all())
    again = dequantise_fp4(*quantise_fp4(back))
    assert torch.equal(again, back)


def test_zeros_stay_zero() -> None:
    assert not dequantise_fp8(*quantise_fp8(torch.zeros(4, 4))).any()
    assert not dequantise_fp4(*quantise_fp4(torch.zeros(4, 32))).any()


def test_scales_of_another_weight_are_refused() -> None:
    with pytest.raises(CheckpointError, match=r"needs scales \[2, 1\], got \[1, 1\]"):
        dequantise_fp8(torch.zeros(129, 5).to(torch.float8_e4m3fn), torch.zeros(1, 1, dtype=torch.uint8))
    with pytest.raises(CheckpointError, match="fp4 groups of 32"):
        quantise_fp4(torch.zeros(2, 33))
