"""Child processes that load torch: each announces every check, so that a crash can be attributed."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sancai.device import chips
from sancai.doctor.finding import Finding

PROGRAM = "sancai.doctor.probe"
REFUSED = 3
"""Exit code of a child that rejects its arguments with a message for the user."""
AUTOLOAD = "TORCH_DEVICE_BACKEND_AUTOLOAD"
FindingCallback = Callable[[Finding], None]


@dataclass
class _Progress:
    """The findings of a child so far, and the check that it is running."""

    findings: list[Finding] = field(default_factory=list)
    trying: str = "torch"


def examine(
    checks: Sequence[str], device: str, seconds: float, on_finding: FindingCallback = lambda finding: None
) -> list[Finding]:
    """Run checks in a child process; a crash or a timeout becomes a finding.

    If torch does not load because a vendor's package fails, the checks run again without such packages.

    Args:
        checks: names of `probe.CHECKS`.
        device: `auto`, a chip or a device type.
        seconds: timeout of the child.
        on_finding: called with each finding as soon as it is known.
    """
    found = _run(checks, device, seconds, on_finding, {})
    if found and found[-1].name == "torch" and found[-1].state == "bad" and os.environ.get(AUTOLOAD) != "0":
        note = Finding(
            "autoload", "limited", "torch loads only without vendors' packages",
            f"set {AUTOLOAD}=0 to use the CPU, or repair the package named above",
        )  # fmt: skip

        ahead = [note]

        def report_again(finding: Finding) -> None:
            if ahead and (finding.name, finding.state) != ("torch", "bad"):
                on_finding(ahead.pop())
            on_finding(finding)

        again = _run(checks, "cpu", seconds, report_again, {AUTOLOAD: "0"})
        if not any(f.name == "torch" and f.state == "bad" for f in again):
            return [*found, note, *again]
    return found


def _run(
    checks: Sequence[str], device: str, seconds: float, on_finding: FindingCallback, extra: dict[str, str]
) -> list[Finding]:
    progress = _Progress()
    with subprocess.Popen(
        [sys.executable, "-m", PROGRAM, device, *checks],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", errors="replace",
        env=os.environ | extra,
    ) as child:  # fmt: skip
        clock = threading.Timer(seconds, child.kill)
        clock.start()
        errors: list[str] = []
        reader = threading.Thread(target=lambda: errors.extend(child.stderr or []))
        reader.start()
        try:
            for line in child.stdout or []:
                _parse_line(line, progress, on_finding)
            code = child.wait()
        finally:
            expired = not clock.is_alive()
            clock.cancel()
            reader.join()
    if code:
        finding = _crash_finding(progress.trying, code, "".join(errors), f"{seconds:.0f} s" if expired else None)
        progress.findings.append(finding)
        on_finding(finding)
    return progress.findings


def _parse_line(line: str, progress: _Progress, on_finding: FindingCallback) -> None:
    """Parse one line of a child; ignore anything else that it prints."""
    if not line.startswith("{"):
        return
    try:
        message = json.loads(line)
    except ValueError:
        return
    if "trying" in message:
        progress.trying = message["trying"]
    elif "finding" in message:
        finding = Finding(**message["finding"])
        progress.findings.append(finding)
        on_finding(finding)


def _crash_finding(trying: str, code: int, errors: str, limit: str | None) -> Finding:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    said = lines[-1][:300] if lines else "it printed nothing"
    if code == REFUSED:
        return Finding(trying, "bad", said)
    if limit:
        return Finding(trying, "bad", f"no answer within {limit}", "is another program using the device?")
    if code < 0:
        said = f"killed by {signal.Signals(-code).name}: {said}"
    return Finding(trying, "bad", f"the check crashed: {said}", _advice(said))


def _advice(said: str) -> str:
    """Return the advice of a chip's record for an error message."""
    for chip in chips().values():
        for part, advice in chip.hints:
            if part in said:
                return advice
    if "cannot open shared object file" in said:
        return "a library is missing: install the driver and source its environment script"
    return "see docs/chips.md"
