"""`sancai doctor`: diagnose this machine, and estimate how a model would run on given chips."""

import json
import pathlib
from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from sancai.commands import sizing
from sancai.commands.options import log, parse, print_result
from sancai.errors import RequestError
from sancai.media import check_writable

QUICK = ("devices", "tensors", "memory", "fallback", "kernels", "layers", "drawing")
ACCEPT = (
    "devices", "tensors", "memory", "fallback", "kernels", "operators", "layers", "drawing", "speed", "training",
    "pictures", "collectives",
)  # fmt: skip
QUICK_SECONDS, ACCEPT_SECONDS = 120, 1800
MARKS = {"good": "ok", "limited": "note", "bad": "BAD"}


@dataclass(frozen=True, kw_only=True)
class DoctorOptions:
    """Diagnose this machine; with --model, print the sizes of a model; with --chips too, whether it fits and how fast
    it would run.

    The exit code is 0 if all is well, 1 if usable with limits, 2 if not usable.
    """

    device: str = "auto"
    """`auto`, a chip of docs/chips.md or a device type."""
    json: bool = False
    """Print the findings as JSON."""
    accept: bool = False
    """Verify this chip: operators, layers, training, pictures, speed, two ranks.  Takes about ten minutes and writes
    one report, which names no host, user or path."""
    out: Annotated[pathlib.Path, tyro.conf.arg(aliases=["-o"])] = pathlib.Path("sancai-report.json")
    """File that --accept writes."""
    force: bool = False
    """Replace an existing report."""
    compare: tuple[pathlib.Path, ...] = ()
    """Compare two reports of --accept."""
    audit: str | None = None
    """A chip: check its vendor's table for every operator that training and generation use."""
    model: str | None = None
    """`tiny`, a model folder, or a released one: `v4-flash`, `v4-flash-base`, `v4-pro`, `v4-pro-base`."""
    chips: str | None = None
    """Where to run it: COUNTxCHIP such as `16xascend-910c` (published rates), or `here` (measured rates)."""
    batch: int = 64
    """Sequences decoded at once in the second decoding rate."""
    context: int = 4096
    """Tokens of context of a decoded token, and tokens of the prompt."""
    side: int = 512
    """Height and width of the picture and of the film's frames, in pixels."""
    steps: int = 8
    """Denoising steps."""
    guidance: bool = False
    """Classifier-free guidance: every denoising step runs with and without the prompt."""
    train_tokens: float = 1e12
    """Text tokens to train on."""
    price_per_hour: float | None = None
    """Price of one chip per hour; adds the cost of training."""


def run(arguments: list[str]) -> int:
    """Print the findings; return the exit code."""
    options = parse("doctor", DoctorOptions, arguments)
    asked = [n for n in ("compare", "audit", "model", "accept") if getattr(options, n) not in (None, (), False)]
    if len(asked) > 1:
        raise RequestError(f"--{' and --'.join(asked)} do not go together; ask one after the other")
    if options.json and asked not in ([], ["accept"]):
        raise RequestError(f"--json does not go with --{asked[0]}; it prints what plain doctor and --accept find")
    if options.compare:
        return _compare(options.compare)
    if options.audit is not None:
        return _audit(options.audit)
    sizing.check(options)
    if options.model is None:
        return _here(options)
    sizing.about(options.model, options)
    return 0


def _here(options: DoctorOptions) -> int:
    """Check this machine: first without torch, then in a child process."""
    from sancai import __version__, doctor
    from sancai.doctor import report

    if options.accept:
        check_writable(options.out, force=options.force)
    checks, seconds = (ACCEPT, ACCEPT_SECONDS) if options.accept else (QUICK, QUICK_SECONDS)
    show = _silent if options.json else _show
    first = doctor.Finding("sancai", "good", __version__)
    found = [first, *doctor.installation_findings()]
    for finding in found:
        show(finding)
    found += doctor.examine(checks, options.device, seconds, show)
    values = report.report(found)
    if options.json:
        print_result(json.dumps(values, indent=1, ensure_ascii=False))
    if options.accept:
        report.write(options.out, values)
        log(f"the report is in {options.out}; it names no host, user or path")
    return doctor.worst(found)


def _show(finding: Any) -> None:
    """Print one finding and its advice."""
    print_result(f"{MARKS[finding.state]:<4} {finding.name:<13} {finding.message}")
    if finding.advice:
        print_result(f"     {'':<13} → {finding.advice}")


def _silent(finding: Any) -> None:
    """Ignore a finding."""


def _audit(key: str) -> int:
    """Compare the operators that our code uses with a chip's published table."""
    from sancai.device import chips
    from sancai.device.operators import audit

    if key not in chips():
        raise RequestError(f"no chip {key!r}; expected one of {', '.join(sorted(chips()))}")
    chip = chips()[key]
    if chip.operator_table is None:
        raise RequestError(f"no table of operators is published for {chip.title}; see docs/chips.md")
    found = audit(key, chip.operator_table)
    about = found.about
    print_result(f"table    {about['chip']}: {about['count']} operators ({about['date']}, torch {about['torch']})")
    print_result(f"source   {about['source']}")
    as_on = "" if found.measured_on == key else f"as on {chips()[found.measured_on].title}: "
    for workload, count in found.used.items():
        print_result(f"uses     {as_on}{workload}: {count} operators")
    print_result(f"missing  {', '.join(found.missing) or 'none'}")
    return 2 if found.missing else 0


def _compare(paths: tuple[pathlib.Path, ...]) -> int:
    """Print the differences between two reports."""
    from sancai.doctor import report

    if len(paths) != 2:
        raise RequestError(f"--compare takes two reports, got {len(paths)}: --compare before.json after.json")
    lines = list(report.compare(*(report.read(path) for path in paths)))
    for is_fine, line in lines:
        print_result(f"{'ok' if is_fine else 'BAD':<4} {line}")
    if not lines:
        print_result("ok   nothing differs")
    return 0 if all(is_fine for is_fine, _ in lines) else 1
