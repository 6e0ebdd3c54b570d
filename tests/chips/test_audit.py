"""Every operator that our training and generation use is in the table of each chip."""

import json
import pathlib
import re

import pytest

from chips.fake_device.snapshot import CHIPS, report_of, used
from sancai.device import chips
from sancai.device import operators as tables
from sancai.device.operators import BASIC_OPERATORS, audit, table_operators, table_source, used_operators
from sancai.device.operators import TABLES as FOLDER

each_chip = pytest.mark.parametrize("chip", CHIPS)
TABLES = sorted(p.stem for p in FOLDER.glob("*.json"))


@each_chip
def test_no_operator_is_missing(chip: str) -> None:
    table = table_operators(str(chips()[chip].operator_table))
    names = {name for calls in used(report_of("workload", chip)).values() for name in calls}
    assert len(names) > 100
    assert sorted(names - table - BASIC_OPERATORS) == []


@each_chip
def test_arithmetic_on_the_device_is_in_int32_or_floating_point(chip: str) -> None:
    assert report_of("workload", chip)["int64_arithmetic"] == []


@each_chip
def test_the_audit_of_doctor_finds_nothing_missing(chip: str) -> None:
    table = str(chips()[chip].operator_table)
    found = audit(chip, table)
    assert found.missing == () and found.about == table_source(table)
    assert found.used == {workload: len(names) for workload, names in used_operators(chip).items()}


def test_an_operator_that_a_table_lacks_is_named(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "USED", tmp_path)
    snapshot = {"torch": "2.13.0", "workloads": {"training float32": "mm _int_mm view"}}
    (tmp_path / "ascend.json").write_text(json.dumps(snapshot))
    found = audit("ascend", "ascend")
    assert found.missing == ("_int_mm",) and found.used == {"training float32": 3}


@pytest.mark.parametrize("table", TABLES)
def test_a_table_has_a_source_and_valid_names(table: str) -> None:
    source = table_source(table)
    assert (
        source["licence"] == "BSD-3-Clause"
        and source["source"]
        and re.fullmatch(r"20\d\d-\d\d(-\d\d)?", source["date"])
    )
    assert len(table_operators(table)) == source["count"]
    assert all(re.fullmatch(r"[a-z_A-Z0-9]+(\.[A-Za-z0-9_]+)?", name) for name in table_operators(table))


def test_every_record_names_an_existing_table() -> None:
    assert {str(c.operator_table) for c in chips().values() if c.operator_table} <= set(TABLES)
