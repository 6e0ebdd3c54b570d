"""Child processes that load torch: each tells what it is about to try, so that a crash has a name."""

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
"""Exit code of a child that refuses what was asked, with a message meant for people."""
AUTOLOAD = "TORCH_DEVICE_BACKEND_AUTOLOAD"
Hear = Callable[[Finding], None]


@dataclass
class _Heard:
    """What a child said so far."""

    findings: list[Finding] = field(default_factory=list)
    trying: str = "torch"


def examine(checks: Sequence[str], device: str, seconds: float, hear: Hear = lambda finding: None) -> list[Finding]:
    """Run checks in a child process; a child that dies or hangs becomes a finding.

    Where torch itself does not load because a vendor's package cannot, the checks run again without such packages.

    Args:
        checks: names of `probe.CHECKS`.
        device: `auto`, a chip or a device type.
        seconds: how long the child may take.
        hear: called with each finding as it comes.
    """
    found = _run(checks, device, seconds, hear, {})
    if found and found[-1].name == "torch" and found[-1].state == "bad" and os.environ.get(AUTOLOAD) != "0":
        note = Finding(
            "autoload", "limited", "torch loads only without vendors' packages",
            f"set {AUTOLOAD}=0 to use the CPU, or mend the package named above",
        )  # fmt: skip

        ahead = [note]

        def hear_again(finding: Finding) -> None:
            if ahead and (finding.name, finding.state) != ("torch", "bad"):
                hear(ahead.pop())
            hear(finding)

        again = _run(checks, "cpu", seconds, hear_again, {AUTOLOAD: "0"})
        if not any(f.name == "torch" and f.state == "bad" for f in again):
            return [*found, note, *again]
    return found


def _run(checks: Sequence[str], device: str, seconds: float, hear: Hear, extra: dict[str, str]) -> list[Finding]:
    heard = _Heard()
    with subprocess.Popen(
        [sys.executable, "-m", PROGRAM, device, *checks],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | extra,
    ) as child:  # fmt: skip
        clock = threading.Timer(seconds, child.kill)
        clock.start()
        errors: list[str] = []
        reader = threading.Thread(target=lambda: errors.extend(child.stderr or []))
        reader.start()
        try:
            for line in child.stdout or []:
                _take(line, heard, hear)
            code = child.wait()
        finally:
            expired = not clock.is_alive()
            clock.cancel()
            reader.join()
    if code:
        finding = _died(heard.trying, code, "".join(errors), f"{seconds:.0f} s" if expired else None)
        heard.findings.append(finding)
        hear(finding)
    return heard.findings


def _take(line: str, heard: _Heard, hear: Hear) -> None:
    """Understand one line of a child; anything else that it prints is left out."""
    if not line.startswith("{"):
        return
    try:
        message = json.loads(line)
    except ValueError:
        return
    if "trying" in message:
        heard.trying = message["trying"]
    elif "finding" in message:
        finding = Finding(**message["finding"])
        heard.findings.append(finding)
        hear(finding)


def _died(trying: str, code: int, errors: str, limit: str | None) -> Finding:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    said = lines[-1][:300] if lines else "it said nothing"
    if code == REFUSED:
        return Finding(trying, "bad", said)
    if limit:
        return Finding(trying, "bad", f"no answer within {limit}", "is another program using the device?")
    if code < 0:
        said = f"killed by {signal.Signals(-code).name}: {said}"
    return Finding(trying, "bad", f"the check crashed: {said}", _advice(said))


def _advice(said: str) -> str:
    """Return what to do about failures that a chip's record knows."""
    for chip in chips().values():
        for part, advice in chip.hints:
            if part in said:
                return advice
    if "cannot open shared object file" in said:
        return "a library is missing: install the driver and source its environment script"
    return "see docs/chips.md"
