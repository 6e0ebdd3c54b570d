"""The project's code on the host code of Ascend, over an empty runtime: kernels are launched, nothing is computed.

What may be launched stands in `dry_run/snapshot.json`.  A kernel that is new fails here until somebody has judged it
and run `make snapshots`.
"""

import json
import pathlib
from typing import Any

import pytest

from chips.dry_run.harness import COMPARED, NOTE, REGENERATE, SNAPSHOT, obstacle, run_scenarios, set_up, snapshot
from chips.dry_run.runtime import Runtime

pytestmark = pytest.mark.slow
EXPECTED: dict[str, Any] = json.loads(SNAPSHOT.read_text("utf-8"))
FAILING = {
    "lacking": "CPU fallback is disabled",
    "unknown_size": "aclGetViewShape failed",
}
"""Scenarios that must fail, and with what words."""


@pytest.fixture(scope="module")
def runtime(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    """Return the empty runtime; without what it takes, the whole file is skipped."""
    why = obstacle()
    if why:
        pytest.skip(f"no Ascend dry run: {why}")
    reporter = request.config.pluginmanager.getplugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(f"\n{NOTE}")
    return set_up(tmp_path_factory.mktemp("dry run"))


@pytest.fixture(scope="module")
def results(runtime: Runtime) -> dict[str, Any]:
    """Return what came of all scenarios."""
    return run_scenarios(runtime)


@pytest.fixture(scope="module")
def kept(runtime: Runtime, results: dict[str, Any]) -> dict[str, Any]:
    """Return this dry run in the form of the snapshot."""
    return snapshot(runtime, results)


@pytest.mark.parametrize("key", ["host_code", "undefined", "looked_up", "slow"])
def test_the_host_code_asks_for_what_it_did(key: str, kept: dict[str, Any]) -> None:
    assert kept[key] == EXPECTED[key], f"judge what is new, then {REGENERATE}"


def test_scenarios_run_on_the_accelerator_and_say_that_nothing_is_computed(results: dict[str, Any]) -> None:
    assert results["device"] == "npu"
    assert "nothing is computed" in results["said"]


@pytest.mark.parametrize("scenario", COMPARED)
def test_the_scenario_completes(scenario: str, results: dict[str, Any]) -> None:
    assert results[scenario]["error"] == ""


@pytest.mark.parametrize("scenario", COMPARED)
def test_the_scenario_launches_no_new_kernel(scenario: str, kept: dict[str, Any]) -> None:
    expected, got = EXPECTED["scenarios"][scenario]["kernels"], kept["scenarios"][scenario]["kernels"]
    assert set(got) <= set(expected), (
        f"new kernels {sorted(set(got) - set(expected))}: judge whether the "
        f"chip has them in the number formats used, then {REGENERATE}"
    )


@pytest.mark.parametrize("scenario", COMPARED)
def test_the_scenario_uses_no_older_interface(scenario: str, kept: dict[str, Any]) -> None:
    assert kept["scenarios"][scenario]["older"] == {}


@pytest.mark.parametrize("scenario", COMPARED)
def test_the_scenario_reads_back_no_more_than_it_did(scenario: str, kept: dict[str, Any]) -> None:
    expected, got = (s["scenarios"][scenario]["host_reads"] for s in (EXPECTED, kept))
    assert got <= expected, (
        f"values are read back to the host {got} times, {expected} before; "
        f"`make snapshots WHERE=1` lists the lines: read later or together, or if it must be {REGENERATE}"
    )


def test_one_rank_of_eight_gathers_and_scatters(kept: dict[str, Any]) -> None:
    expected, got = (s["scenarios"]["shard"]["collectives"] for s in (EXPECTED, kept))
    assert {"HcclAllGather", "HcclReduceScatter"} <= got.keys()
    assert got == expected, f"other collectives than before: judge them, then {REGENERATE}"


def test_one_process_needs_no_collective(kept: dict[str, Any]) -> None:
    assert {n: s["collectives"] for n, s in kept["scenarios"].items() if s["collectives"] and n != "shard"} == {}


def test_what_is_read_back_does_not_steer_training(results: dict[str, Any]) -> None:
    assert results["again"]["error"] == ""


@pytest.mark.parametrize("scenario", FAILING)
def test_what_the_chip_cannot_do_is_refused(scenario: str, results: dict[str, Any]) -> None:
    assert FAILING[scenario] in results[scenario]["error"]


def test_a_kernel_the_list_lacks_is_noticed(kept: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    train = EXPECTED["scenarios"]["train"]
    monkeypatch.setitem(train, "kernels", [k for k in train["kernels"] if k != "aclnnMatmul"])
    with pytest.raises(AssertionError, match="aclnnMatmul"):
        test_the_scenario_launches_no_new_kernel("train", kept)


def test_nothing_is_left_in_the_source_tree(runtime: Runtime, results: dict[str, Any]) -> None:
    here = pathlib.Path(__file__).parent
    assert {p.suffix for p in here.rglob("*") if p.is_file() and "__pycache__" not in p.parts} == {".py", ".c", ".json"}
