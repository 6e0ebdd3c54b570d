"""The project's code on the host code of Ascend, over an empty runtime: kernels are launched, nothing is computed.

What may be launched stands in `rehearsal/golden.json`.  A kernel that is new fails here until somebody has judged it
and run `make golden`.
"""

import json
import pathlib
from typing import Any

import pytest

from chips.rehearsal.runtime import Runtime
from chips.rehearsal.stage import COMPARED, GOLDEN, NOTE, REGENERATE, golden, obstacle, rehearse, set_up

pytestmark = pytest.mark.slow
EXPECTED: dict[str, Any] = json.loads(GOLDEN.read_text("utf-8"))
FAILING = {
    "lacking": "CPU fallback is disabled",
    "unknown_size": "aclGetViewShape failed",
}
"""Scenes that must fail, and with what words."""
MORE_LAUNCHES = 1.02
"""A scene may launch so much more than before."""


@pytest.fixture(scope="module")
def runtime(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    """Return the empty runtime; without what it takes, the whole file is skipped."""
    why = obstacle()
    if why:
        pytest.skip(f"no Ascend rehearsal: {why}")
    reporter = request.config.pluginmanager.getplugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(f"\n{NOTE}")
    return set_up(tmp_path_factory.mktemp("rehearsal"))


@pytest.fixture(scope="module")
def played(runtime: Runtime) -> dict[str, Any]:
    """Return what came of all scenes."""
    return rehearse(runtime)


@pytest.fixture(scope="module")
def kept(runtime: Runtime, played: dict[str, Any]) -> dict[str, Any]:
    """Return this rehearsal in the form of the golden list."""
    return golden(runtime, played)


@pytest.mark.parametrize("key", ["host_code", "undefined", "looked_up", "slow"])
def test_the_host_code_asks_for_what_it_did(key: str, kept: dict[str, Any]) -> None:
    assert kept[key] == EXPECTED[key], f"judge what is new, then {REGENERATE}"


def test_scenes_play_on_the_accelerator_and_say_that_nothing_is_computed(played: dict[str, Any]) -> None:
    assert played["device"] == "npu"
    assert "nothing is computed" in played["said"]


@pytest.mark.parametrize("scene", COMPARED)
def test_the_scene_plays_to_its_end(scene: str, played: dict[str, Any]) -> None:
    assert played[scene]["error"] == ""


@pytest.mark.parametrize("scene", COMPARED)
def test_the_scene_launches_the_kernels_it_did(scene: str, kept: dict[str, Any]) -> None:
    expected, got = EXPECTED["scenes"][scene]["kernels"], kept["scenes"][scene]["kernels"]
    assert sorted(got) == sorted(expected), (
        f"new {sorted(got.keys() - expected.keys())}, gone {sorted(expected.keys() - got.keys())}: judge whether the "
        f"chip has them in the number formats used, then {REGENERATE}"
    )


@pytest.mark.parametrize("scene", COMPARED)
def test_the_scene_launches_hardly_more_than_it_did(scene: str, kept: dict[str, Any]) -> None:
    expected, got = (sum(s["scenes"][scene]["kernels"].values()) for s in (EXPECTED, kept))
    assert got <= expected * MORE_LAUNCHES, (
        f"{got} launches, {expected} before, and each takes microseconds: launch fewer, or if it must be {REGENERATE}"
    )


@pytest.mark.parametrize("scene", COMPARED)
def test_the_scene_asks_nothing_of_the_older_interface(scene: str, kept: dict[str, Any]) -> None:
    assert kept["scenes"][scene]["older"] == {}


@pytest.mark.parametrize("scene", COMPARED)
def test_the_scene_reads_back_no_more_than_it_did(scene: str, kept: dict[str, Any]) -> None:
    expected, got = (s["scenes"][scene]["host_reads"] for s in (EXPECTED, kept))
    assert got <= expected, (
        f"values are read back to the host {got} times, {expected} before; "
        f"`make golden WHERE=1` tells the lines: read later or together, or if it must be {REGENERATE}"
    )


def test_one_rank_of_eight_gathers_and_scatters(kept: dict[str, Any]) -> None:
    expected, got = (s["scenes"]["shard"]["collectives"] for s in (EXPECTED, kept))
    assert {"HcclAllGather", "HcclReduceScatter"} <= got.keys()
    assert got == expected, f"other collectives than before: judge them, then {REGENERATE}"


def test_one_process_needs_no_collective(kept: dict[str, Any]) -> None:
    assert {n: s["collectives"] for n, s in kept["scenes"].items() if s["collectives"] and n != "shard"} == {}


def test_what_is_read_back_does_not_steer_training(played: dict[str, Any]) -> None:
    assert played["again"]["error"] == ""


@pytest.mark.parametrize("scene", FAILING)
def test_what_the_chip_cannot_do_is_refused(scene: str, played: dict[str, Any]) -> None:
    assert FAILING[scene] in played[scene]["error"]


def test_a_kernel_the_list_lacks_is_noticed(kept: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = EXPECTED["scenes"]["train"]["kernels"]
    monkeypatch.delitem(kernels, "aclnnMatmul")
    with pytest.raises(AssertionError, match="aclnnMatmul"):
        test_the_scene_launches_the_kernels_it_did("train", kept)


def test_nothing_is_left_in_the_source_tree(runtime: Runtime, played: dict[str, Any]) -> None:
    here = pathlib.Path(__file__).parent
    assert {p.suffix for p in here.rglob("*") if p.is_file() and "__pycache__" not in p.parts} == {".py", ".c", ".json"}
