"""Every operator that our training and generation reach: in each chip's table, and judged."""

import pathlib
import re

import pytest
import torch

from chips.standin.golden import CHIPS, COMMAND, golden, lane, summary
from sancai.device import chips
from sancai.device import operators as records
from sancai.device.operators import BASIC_OPERATORS, about, audit, operators
from sancai.device.operators import TABLES as FOLDER

each_chip = pytest.mark.parametrize("chip", CHIPS)
TABLES = sorted(p.stem for p in FOLDER.glob("*.json"))


@each_chip
def test_no_operator_is_missing(chip: str) -> None:
    table = operators(str(chips()[chip].operator_table))
    reached = {n for names in summary(lane("work", chip)).values() if isinstance(names, dict) for n in names}
    assert len(reached) > 100
    assert sorted(reached - table - BASIC_OPERATORS) == []


@each_chip
def test_doctor_tells_the_same(chip: str) -> None:
    table = str(chips()[chip].operator_table)
    found = audit(chip, table)
    assert found.missing == () and found.about == about(table) and len(found.reached) == 4


def test_an_operator_that_a_table_lacks_is_told(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "REACHED", tmp_path)
    (tmp_path / "ascend.json").write_text('{"torch": "2.13.0", "training float32": {"mm": 3, "_int_mm": 2, "view": 9}}')
    found = audit("ascend", "ascend")
    assert found.missing == ("_int_mm",) and found.reached == {"training float32": (3, 14)}


@each_chip
def test_operators_and_counts_are_those_that_were_judged(chip: str) -> None:
    now, before = summary(lane("work", chip)), golden(chip)
    assert now["int64 arithmetic"] == [], "arithmetic runs in int32 or fp32"
    if now["torch"] != before["torch"]:
        pytest.skip(f"counts are of torch {before['torch']}, this is {now['torch']}: decompositions differ")
    for work, names in before.items():
        if isinstance(names, dict):
            new, gone = sorted(set(now[work]) - set(names)), sorted(set(names) - set(now[work]))
            changed = {n: (names[n], c) for n, c in now[work].items() if names.get(n, c) != c}
            assert (new, gone, changed) == ([], [], {}), (
                f"{chip}, {work}: new {new}, gone {gone}, other counts (before, now) {changed}; judge what is new "
                f"on every chip, then run: {COMMAND}"
            )


def test_the_golden_files_are_of_this_torch() -> None:
    if torch.__version__.split("+")[0] == "2.13.0":
        assert {golden(c)["torch"] for c in CHIPS} == {"2.13.0"}


@pytest.mark.parametrize("table", TABLES)
def test_a_table_tells_its_source_and_holds_names(table: str) -> None:
    told = about(table)
    assert told["licence"] == "BSD-3-Clause" and told["source"] and re.fullmatch(r"20\d\d-\d\d(-\d\d)?", told["date"])
    assert len(operators(table)) == told["count"]
    assert all(re.fullmatch(r"[a-z_A-Z0-9]+(\.[A-Za-z0-9_]+)?", name) for name in operators(table))


def test_every_record_names_a_table_that_is_here() -> None:
    assert {str(c.operator_table) for c in chips().values() if c.operator_table} <= set(TABLES)
