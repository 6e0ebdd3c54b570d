"""Metrics as JSON lines: one object per step; names are paths such as `loss/flow`."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any


class MetricsFile:
    """Appends to `metrics.jsonl`; a run that resumes at a step first removes the lines of later steps."""

    def __init__(self, path: pathlib.Path, from_step: int = 0) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = [r for r in read_metrics(path) if r["step"] < from_step]
        path.write_text("".join(json.dumps(r) + "\n" for r in kept), encoding="utf-8")

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Append the metrics of one step."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")


def read_metrics(path: pathlib.Path) -> list[dict[str, Any]]:
    """Return all complete lines."""
    if not path.is_file():
        return []
    out = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            out.append(json.loads(line))
        except json.JSONDecodeError:
            continue  # the incomplete last line of a killed run
    return out
