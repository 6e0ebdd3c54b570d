"""The golden files of operators: what one training step and one round of generation reach on each chip.

    make golden

writes them anew.  Do so after judging every operator that is new: the table of each chip has it (the run
refuses what a table lacks), it is fast there, and it takes the number formats it gets.
"""

import json
import os
import pathlib
import subprocess
import sys
from functools import lru_cache
from typing import Any

from sancai.device.operators import REACHED

ROOT = pathlib.Path(__file__).resolve().parents[3]
CHIPS = ("ascend", "cambricon", "moore_threads", "metax")
COMMAND = "make golden"
DTYPES = ("float32", "bfloat16")


@lru_cache
def lane(module: str, chip: str) -> dict[str, Any]:
    """Return what a module of this folder reports of a chip, from a process of its own."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT / "tests")))}
    command = [sys.executable, "-m", f"chips.standin.{module}", chip]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"{module} fails on the stand-in for {chip}:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def summary(report: dict[str, Any]) -> dict[str, Any]:
    """Return the operators of a report: by kind of work and number format, name → count; and those on int64."""
    out: dict[str, Any] = {"torch": report["torch"], "int64 arithmetic": report["wide"]}
    for work in ("training", "generation"):
        for dtype in DTYPES:
            out[f"{work} {dtype}"] = dict(sorted(report[dtype]["device"][work]["operators"].items()))
    return out


def golden(chip: str) -> dict[str, Any]:
    """Return the golden file of a chip."""
    return json.loads((REACHED / f"{chip}.json").read_text("utf-8"))


def main() -> None:
    """Write all golden files."""
    for chip in CHIPS:
        report = lane("work", chip)
        REACHED.mkdir(exist_ok=True)
        (REACHED / f"{chip}.json").write_text(json.dumps(summary(report), indent=1) + "\n", "utf-8")
        counts = {work: len(names) for work, names in summary(report).items() if isinstance(names, dict)}
        print(chip, counts, f"{report['seconds'][0]:.1f} s")


if __name__ == "__main__":
    main()
