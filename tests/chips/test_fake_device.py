"""Training and generation on every fake device: bitwise equal to the CPU, without hidden synchronisation."""

import inspect
from typing import Any

import pytest

from chips import scan
from chips.fake_device import bugs
from chips.fake_device.snapshot import CHIPS, DTYPES, report_of

each_chip = pytest.mark.parametrize("chip", CHIPS)
VENDOR_BUGS = {"vendor_method", "vendor_device", "vendor_module"}
"""Refused on a build of PyTorch for CPUs anyway; it is the source scan that must see them."""
MADE = {"text": 4, "thought": 2, "picture": 1, "film": 2}
"""What one read each is due for: tokens of text, blocks of frames."""


def report(chip: str, dtype: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the CPU and the fake device gave."""
    both = report_of("workload", chip)[dtype]
    return both["cpu"], both["device"]


@each_chip
@pytest.mark.parametrize("dtype", DTYPES)
def test_losses_and_weights_are_those_of_the_cpu_bit_by_bit(chip: str, dtype: str) -> None:
    cpu, device = (r["training"] for r in report(chip, dtype))
    assert device["reports"] == cpu["reports"], "losses, norm and loads of every step, the last one after a restart"
    assert device["model"] == cpu["model"], "the file of the averaged model"
    assert 3e5 < cpu["parameters"] < 5e5
    assert {"loss/flow", "loss/text", "loss/mtp", "loss/balance", "loss/indexer"} <= set(cpu["reports"][1])


@each_chip
@pytest.mark.parametrize("dtype", DTYPES)
def test_text_pictures_and_film_are_those_of_the_cpu_bit_by_bit(chip: str, dtype: str) -> None:
    cpu, device = (r["generation"] for r in report(chip, dtype))
    assert {n: device[n] for n in MADE} == {n: cpu[n] for n in MADE}
    assert cpu["text"][0] and cpu["picture"][2] == 64 * 64 * 4 and cpu["film"][2] == 3 * 64 * 64 * 4


@each_chip
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_step_reads_once_and_generation_once_a_token_or_block(chip: str, dtype: str) -> None:
    cpu, device = report(chip, dtype)
    for down, up, copied_down, copied_up in device["training"]["transfers"]:
        assert up == 1
        assert (copied_down, copied_up) == (down, up), "the device saw no transfer that was not counted"
    for name, reads in MADE.items():
        down, up, copied_down, copied_up = device["generation"]["transfers"][name]
        assert (up, copied_down, copied_up) == (reads, down, up)
    assert all(c == [0, 0, 0, 0] for c in cpu["training"]["transfers"]), "on the CPU nothing crosses"


@pytest.mark.parametrize("name", sorted(bugs.BUGS | bugs.MORE))
def test_a_planted_bug_is_refused(name: str) -> None:
    told = report_of("bugs", "ascend")
    if name in VENDOR_BUGS:
        found = scan.scan(inspect.getsource(bugs.BUGS[name]), "model/planted.py")
        assert {f.rule for f in found} >= {10}
    else:
        kind, message = told["device"][name]
        assert kind == "RefusedError", message
        assert told["cpu"][name] is None, "a CPU does not show this bug"


def test_the_step_that_bugs_are_inserted_in_is_sound() -> None:
    told = report_of("bugs", "ascend")
    assert told["device"]["none"] is None and told["cpu"]["none"] is None


@pytest.mark.parametrize("name", ["eigh", "_int_mm", "logcumsumexp", "segment_reduce"])
def test_an_operator_that_the_table_lacks_is_refused(name: str) -> None:
    kind, message = report_of("bugs", "ascend")["lacking"][name]
    assert kind == "RefusedError" and "is not in the table of Huawei Ascend" in message


def test_memory_that_nobody_has_written_shows() -> None:
    assert report_of("bugs", "ascend")["unwritten_is_nan"]
