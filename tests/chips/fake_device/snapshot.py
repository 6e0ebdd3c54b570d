"""Snapshots of the operators that one training step and one round of generation use on each chip.

    make snapshots

rewrites them for `sancai doctor --audit` and prints how often each workload calls operators.
"""

import json
import os
import pathlib
import subprocess
import sys
from functools import lru_cache
from typing import Any

from sancai.device.operators import USED

ROOT = pathlib.Path(__file__).resolve().parents[3]
CHIPS = ("ascend", "cambricon", "moore_threads", "metax")
DTYPES = ("float32", "bfloat16")


@lru_cache
def report_of(module: str, chip: str) -> dict[str, Any]:
    """Return the report of a module of this folder about a chip, run in a process of its own."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT / "tests")))}
    command = [sys.executable, "-m", f"chips.fake_device.{module}", chip]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"{module} fails on the fake device of {chip}:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def used(report: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Return the operators of a report and how often each is called, by workload and dtype."""
    return {
        f"{workload} {dtype}": report[dtype]["device"][workload]["operators"]
        for workload in ("training", "generation")
        for dtype in DTYPES
    }


def main() -> None:
    """Write the snapshots of all chips."""
    for chip in CHIPS:
        report = report_of("workload", chip)
        names = {workload: " ".join(sorted(calls)) for workload, calls in used(report).items()}
        snapshot = {"torch": report["torch"], "workloads": names}
        (USED / f"{chip}.json").write_text(json.dumps(snapshot, indent=1) + "\n", "utf-8")
        counts = {
            workload: f"{len(calls)} operators, {sum(calls.values())} calls" for workload, calls in used(report).items()
        }
        print(chip, counts, f"{report['seconds'][0]:.1f} s")


if __name__ == "__main__":
    main()
