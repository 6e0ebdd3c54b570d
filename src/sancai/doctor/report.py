"""One file that an owner of a chip sends back: what was found, without names of hosts, users or paths."""

import json
import os
import pathlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

from sancai import __version__
from sancai.doctor.finding import Finding, worst
from sancai.errors import RequestError

FORMAT = 1
PATH = re.compile(r"(?:[A-Za-z]:)?(?:[/\\][\w.@+-]+){2,}")
SPEEDS = ("tokens_per_second", "pictures_per_second", "train_steps_per_second", "matmul_tflops", "copy_gbs")
LOSS_TOLERANCE = 0.02


def report(findings: Iterable[Finding]) -> dict[str, Any]:
    """Return the report as plain values."""
    kept = [f.to_dict() for f in findings]
    code = worst(Finding(**f) for f in kept)
    told: dict[str, Any] = _without_paths(
        {"format": FORMAT, "sancai": __version__, "exit_code": code, "findings": kept}
    )
    return told


def write(path: pathlib.Path, values: dict[str, Any]) -> None:
    """Write a report beside its place, then put it there."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def read(path: pathlib.Path) -> dict[str, Any]:
    """Read a report.

    Raises:
        RequestError: it is not there, or no report.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["format"] != FORMAT or not isinstance(values["findings"], list):
            raise ValueError(f"format is {values['format']!r}, expected {FORMAT}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RequestError(f"{path} is not a report of sancai doctor --accept ({error})") from error
    return dict(values)


def compare(first: dict[str, Any], second: dict[str, Any]) -> Iterator[tuple[bool, str]]:
    """Yield lines on how the second report differs from the first, and whether each is fine."""
    one, two = (_by_name(values) for values in (first, second))
    for name in dict.fromkeys((*one, *two)):
        if name not in one or name not in two:
            yield True, f"{name}: only in the {'second' if name in two else 'first'} report"
            continue
        before, after = one[name], two[name]
        if before["state"] != after["state"]:
            yield after["state"] == "good", f"{name}: {before['state']} became {after['state']}: {after['told']}"
        yield from _figures(name, before["facts"], after["facts"])


def _figures(name: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[tuple[bool, str]]:
    """Yield what the figures of one check say."""
    for key in SPEEDS:
        if before.get(key) and after.get(key):
            yield True, f"{name}: {key} {before[key]:.4g} → {after[key]:.4g} ({after[key] / before[key]:.2f}×)"
    if "losses" in before and "losses" in after:
        pairs = list(zip(before["losses"], after["losses"], strict=False))
        off = max(abs(a - b) / max(abs(a), 1e-6) for a, b in pairs)
        yield off <= LOSS_TOLERANCE, f"{name}: losses of {len(pairs)} steps differ by at most {off:.2%}"
    if "norms" in before and "norms" in after:
        shared = [k for k in before["norms"] if k in after["norms"]]
        off = max((abs(before["norms"][k] / after["norms"][k] - 1) for k in shared), default=0.0)
        yield off <= LOSS_TOLERANCE, f"{name}: norms at {len(shared)} places differ by at most {off:.2g}"


def _by_name(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return findings by name and number format; the last of equal ones stands."""
    return {" ".join(filter(None, (f["name"], f["facts"].get("dtype", "")))): f for f in values["findings"]}


def _without_paths(value: Any) -> Any:
    """Return plain values whose texts name no folder."""
    if isinstance(value, str):
        return PATH.sub(lambda m: "…/" + re.split(r"[/\\]", m[0])[-1], value)
    if isinstance(value, dict):
        return {k: _without_paths(v) for k, v in value.items()}
    return [_without_paths(v) for v in value] if isinstance(value, list) else value
