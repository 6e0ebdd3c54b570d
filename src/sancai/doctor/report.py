"""The report of `sancai doctor --accept`: all findings, without names of hosts, users or paths."""

import contextlib
import getpass
import json
import pathlib
import platform
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

from sancai import __version__
from sancai.doctor.finding import Finding, finite, worst
from sancai.errors import RequestError
from sancai.media import write_file

FORMAT = 2
PATH = re.compile(r"(?<![\w./\\~])(?:[A-Za-z]:)?[/\\~][^\s:;,'\"()\[\]]*")
HOST = re.compile(r"\b[A-Za-z][\w-]*(?:\.[\w-]+)*:\d{2,5}\b|\b\d+\.\d+\.\d+\.\d+(?::\d+)?\b")
MIN_NAME_LENGTH = 3
"""Shorter names of users and hosts would match within words."""
SPEEDS = ("tokens_per_second", "pictures_per_second", "train_steps_per_second", "matmul_tflops", "copy_gbs")
TOLERANCE = 0.02


def report(findings: Iterable[Finding]) -> dict[str, Any]:
    """Return the report as plain values."""
    kept = [f.to_dict() for f in findings]
    code = worst(Finding(**f) for f in kept)
    message: dict[str, Any] = _anonymous(
        {"format": FORMAT, "sancai": __version__, "exit_code": code, "findings": kept}, _own_names()
    )
    return message


def write(path: pathlib.Path, values: dict[str, Any]) -> None:
    """Write a report atomically."""
    write_file(path, (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode())


def read(path: pathlib.Path) -> dict[str, Any]:
    """Read a report.

    Raises:
        RequestError: the file is missing or is not a report.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["format"] != FORMAT or not isinstance(values["findings"], list):
            raise ValueError(f"format is {values['format']!r}, expected {FORMAT}")
        for finding in values["findings"]:
            Finding(**finding)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RequestError(f"{path} is not a report of sancai doctor --accept ({error})") from error
    return dict(values)


def compare(first: dict[str, Any], second: dict[str, Any]) -> Iterator[tuple[bool, str]]:
    """Yield (is acceptable, line) for each difference between two reports."""
    one, two = (_by_name(values) for values in (first, second))
    for name in dict.fromkeys((*one, *two)):
        if name not in one or name not in two:
            yield name not in one, f"{name}: only in the {'second' if name in two else 'first'} report"
            continue
        before, after = one[name], two[name]
        if before["state"] != after["state"]:
            yield after["state"] == "good", f"{name}: {before['state']} became {after['state']}: {after['message']}"
        yield from _figures(name, before["facts"], after["facts"])


def _figures(name: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[tuple[bool, str]]:
    """Yield the comparison of the values of one check."""
    for key in SPEEDS:
        if before.get(key) and after.get(key):
            yield True, f"{name}: {key} {before[key]:.4g} → {after[key]:.4g} ({after[key] / before[key]:.2f}×)"
    if "losses" in before and "losses" in after:
        yield _differ(f"{name}: losses of steps", *(dict(enumerate(f["losses"])) for f in (before, after)))
    if "norms" in before and "norms" in after:
        yield _differ(f"{name}: norms of outputs", before["norms"], after["norms"])


def _differ(what: str, before: dict[Any, float], after: dict[Any, float]) -> tuple[bool, str]:
    """Return the largest relative difference of two sets of values; they must have the same keys."""
    if before.keys() != after.keys() or not before:
        return False, f"{what}: {len(before)} against {len(after)}, not the same ones"
    off = max(finite(abs(after[k] - before[k]) / max(abs(before[k]), 1e-6)) for k in before)
    return off <= TOLERANCE, f"{what}: {len(before)} compared, at most {off:.2%} apart"


def _by_name(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return findings by name and dtype; the last of equal ones counts."""
    return {" ".join(filter(None, (f["name"], f["facts"].get("dtype", "")))): f for f in values["findings"]}


def _anonymous(value: Any, own: list[str]) -> Any:
    """Return plain values whose texts name no folder, user or host; of a file its own name stays."""
    if isinstance(value, str):
        for name in own:
            value = value.replace(name, "…")
        return HOST.sub("…", PATH.sub(_file_name, value))
    if isinstance(value, dict):
        return {k: _anonymous(v, own) for k, v in value.items()}
    return [_anonymous(v, own) for v in value] if isinstance(value, list) else value


def _own_names() -> list[str]:
    """Return this machine's own folders, host and user, longest first."""
    names = [str(pathlib.Path.home()), str(pathlib.Path.cwd()), tempfile.gettempdir(), sys.prefix, platform.node()]
    with contextlib.suppress(KeyError, OSError, ImportError):
        names.append(getpass.getuser())
    return sorted((n for n in names if len(n) >= MIN_NAME_LENGTH), key=len, reverse=True)


def _file_name(path: re.Match[str]) -> str:
    name = re.split(r"[/\\]", path[0])[-1]
    return f"…/{name}" if "." in name else "…"
