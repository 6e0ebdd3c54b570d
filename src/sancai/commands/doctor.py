"""`sancai doctor`: what this machine can do, and whether a released model would fit some chips."""

import json
import pathlib
from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from sancai.commands.options import give, parse, tell
from sancai.errors import RequestError
from sancai.media import check_writable

LENGTHS = (4096, 32768, 131072, 1048576)
HEADROOM = 0.9
"""Share of memory that weights and cache may take; the rest is for what is computed."""


QUICK = ("devices", "tensors", "memory", "fallback", "layers", "drawing")
ACCEPT = (
    "devices", "tensors", "memory", "fallback", "operators", "layers", "drawing", "training", "pictures",
    "collectives",
)  # fmt: skip
QUICK_SECONDS, ACCEPT_SECONDS = 120, 1800
MARKS = {"good": "ok", "limited": "note", "bad": "BAD"}


@dataclass(frozen=True, kw_only=True)
class DoctorOptions:
    """Say what this machine can do; with --model, how large a released model is and whether it fits.

    The exit code is 0 if all is well, 1 if usable with limits, 2 if not usable.
    """

    device: str = "auto"
    """`auto`, a chip of docs/chips.md or a device type."""
    json: bool = False
    """Print the findings as JSON."""
    accept: bool = False
    """Prove this chip: operators, layers, training, pictures, speed, two ranks.  Takes about ten minutes and writes
    one file that can be sent back; it names no host, user or path."""
    out: Annotated[pathlib.Path, tyro.conf.arg(aliases=["-o"])] = pathlib.Path("sancai-report.json")
    """File that --accept writes."""
    compare: tuple[pathlib.Path, ...] = ()
    """Two reports of --accept: tell how the second differs."""
    model: str | None = None
    """`v4-flash`, `v4-flash-base`, `v4-pro` or `v4-pro-base`: sizes from the published layout."""
    chips: str | None = None
    """Machine to fit it on, such as `16xascend-910c`."""


def run(arguments: list[str]) -> int:
    """Print one paste-able block."""
    options = parse("doctor", DoctorOptions, arguments)
    if options.compare:
        return _compare(options.compare)
    if options.model is None:
        if options.chips is not None:
            raise RequestError("--chips needs --model, for example --model v4-flash --chips 16xascend-910c")
        return _here(options)
    _fit(options.model, options.chips)
    return 0


def _here(options: DoctorOptions) -> int:
    """Look at this machine: first without torch, then in a child process."""
    from sancai import __version__, doctor
    from sancai.doctor import report

    checks, seconds = (ACCEPT, ACCEPT_SECONDS) if options.accept else (QUICK, QUICK_SECONDS)
    show = _silent if options.json else _show
    first = doctor.Finding("sancai", "good", __version__)
    found = [first, *doctor.installation_findings()]
    for finding in found:
        show(finding)
    found += doctor.examine(checks, options.device, seconds, show)
    values = report.report(found)
    if options.json:
        give(json.dumps(values, indent=1, ensure_ascii=False))
    if options.accept:
        check_writable(options.out, force=True)
        report.write(options.out, values)
        tell(f"the report is in {options.out}; it names no host, user or path")
    return doctor.worst(found)


def _show(finding: Any) -> None:
    """Print one finding, and below it what to do."""
    give(f"{MARKS[finding.state]:<4} {finding.name:<13} {finding.told}")
    if finding.advice:
        give(f"     {'':<13} → {finding.advice}")


def _silent(finding: Any) -> None:
    """Print nothing."""


def _compare(paths: tuple[pathlib.Path, ...]) -> int:
    """Tell how a second report differs from a first."""
    from sancai.doctor import report

    if len(paths) != 2:
        raise RequestError(f"--compare takes two reports, got {len(paths)}: --compare before.json after.json")
    lines = list(report.compare(*(report.read(path) for path in paths)))
    for is_fine, line in lines:
        give(f"{'ok' if is_fine else 'BAD':<4} {line}")
    if not lines:
        give("ok   nothing differs")
    return 0 if all(is_fine for is_fine, _ in lines) else 1


def _fit(name: str, chips: str | None) -> None:
    """Print the sizes of a released model, and how many sequences fit beside its weights."""
    from sancai.checkpoint import measure
    from sancai.device import parse_machine
    from sancai.model import named_config

    machine = parse_machine(chips) if chips else None
    sizes = measure(named_config(name), "fp8" if name.endswith("-base") else "fp4")
    give(
        f"model    {name}: {sizes.parameters / 1e9:,.1f}B parameters with MTP, {sizes.active / 1e9:.2f}B active a token"
    )
    give(f"weights  {sizes.weight_bytes:,} bytes ({sizes.weight_bytes / 2**30:,.1f} GiB)")
    give(f"cache    {sizes.cache_bytes_per_token:,.0f} bytes a token, fp8 rows and fp4 index keys")
    for length in LENGTHS:
        give(f"         {sizes.cache_bytes(length) / 2**20:>9,.1f} MiB at {length:,} tokens")
    if machine is None:
        return
    room = machine.memory_bytes * HEADROOM - sizes.weight_bytes
    told = f"{machine.count} × {machine.card.name}, {machine.memory_bytes / 1e9:,.0f} GB together"
    give(f"chips    {told} (memory: confidence {machine.card.confidence}), {HEADROOM:.0%} for weights and cache")
    if room < sizes.cache_bytes(LENGTHS[0]):
        least = -(-sizes.weight_bytes // round(machine.card.memory_gb * 10**9 * HEADROOM)) + 1
        give(f"fits     no: {-room / 1e9:,.1f} GB short; take about {least} of these chips")
        return
    give("fits     yes, weights alone split over all chips; sequences at once:")
    for length in LENGTHS:
        give(f"         {int(room // sizes.cache_bytes(length)):>9,} of {length:,} tokens")
