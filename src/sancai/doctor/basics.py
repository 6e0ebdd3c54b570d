"""Quick checks of one device: is it available, does it compute, how much memory has it, does it draw."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import torch

from sancai.device.detect import detect, import_failures
from sancai.device.platform import Platform, device_memory
from sancai.device.transfer import to_device, to_host
from sancai.doctor.finding import Finding
from sancai.errors import first_line

TOLERANCE = {"float32": 1e-4, "float16": 2e-2, "bfloat16": 1e-1, "int8": 0.0}
RANKS, RANK_SECONDS = 2, 300


def devices(platform: Platform) -> Iterator[Finding]:
    """Report every device, vendors' packages that do not work, and the device in use."""
    for found in detect():
        message = f"{found.count} × {found.chip.title} ({found.name}): {found.reason}"
        yield Finding("devices", "good", message, facts={"chip": found.chip.key, "count": found.count})
    for key, reason in import_failures().items():
        yield Finding("devices", "limited", reason, f"see docs/chips.md for what {key} needs")
    formats = str(platform.dtype).removeprefix("torch.")
    facts = {"chip": platform.chip.key, "name": platform.name, "dtype": formats, "quirks": list(platform.chip.quirks)}
    yield Finding(
        "device", "good", f"{platform.chip.title} ({platform.name}), layers compute in {formats}", facts=facts
    )


def tensors(platform: Platform) -> Iterator[Finding]:
    """Multiply matrices in every dtype of the chip's record."""
    good: list[str] = []
    bad: list[str] = []
    for name in platform.chip.compute_dtypes:
        problem = _product(platform.device, name)
        (bad if problem else good).append(f"{name} ({problem})" if problem else name)
    if good:
        yield Finding("tensors", "good", f"matrix products in {', '.join(good)} agree with the CPU")
    if bad:
        yield Finding("tensors", "bad", f"wrong or missing: {'; '.join(bad)}", "update the vendor's package and driver")


def _product(device: torch.device, name: str) -> str | None:
    """Return the problem with a matrix product in one dtype, or None."""
    generator = torch.Generator().manual_seed(1)
    a, b = (
        torch.randn(64, 64, generator=generator, device="cpu", dtype=torch.float32).to(getattr(torch, name))
        for _ in range(2)
    )
    try:
        got = to_host(to_device(a, device) @ to_device(b, device)).float()
    except (RuntimeError, NotImplementedError) as error:
        return first_line(error)
    off = float((got - a.float() @ b.float()).abs().max() / 8)
    return None if off <= TOLERANCE[name] else f"off by {off:.3g}"


def memory(platform: Platform) -> Iterator[Finding]:
    """Report the device's memory."""
    room = device_memory(platform)
    if room is not None:
        free, total = room
        message = f"{free / 1e9:.1f} GB free of {total / 1e9:.1f} GB"
        yield Finding("device memory", "good", message, facts={"total_bytes": total})


def fallback(platform: Platform) -> Iterator[Finding]:
    """Report whether unsupported operators run on the CPU silently."""
    if platform.chip.forbid_fallback is None:
        return
    name, value = platform.chip.forbid_fallback
    if os.environ.get(name) == value:
        yield Finding("fallback", "good", f"{name}={value}: an unsupported operator is an error")
    else:
        yield Finding("fallback", "limited", "unsupported operators run on the CPU silently", f"set {name}={value}")


def collectives(platform: Platform) -> Iterator[Finding]:
    """Run two ranks that exchange tensors and train together, on two devices or as two processes on a CPU."""
    count = next((f.count for f in detect() if f.chip.key == platform.chip.key), 0)
    if platform.device.type != "cpu" and count < RANKS:
        yield Finding("collectives", "limited", f"{platform.chip.collectives} needs {RANKS} devices, {count} here")
        return
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={RANKS}"]
    try:
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [*command, "-m", "sancai.doctor.ranks", platform.chip.key, folder],
                capture_output=True, encoding="utf-8", errors="replace", timeout=RANK_SECONDS,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
            )  # fmt: skip
    except subprocess.TimeoutExpired:
        yield Finding(
            "collectives", "bad", f"{platform.chip.collectives} hangs with {RANKS} ranks", "see docs/chips.md"
        )
        return
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if "Error" in line]
        yield Finding("collectives", "bad", f"{platform.chip.collectives}: {(last or ['failed'])[0].strip()[:200]}")
    else:
        yield Finding(
            "collectives",
            "good",
            f"{platform.chip.collectives}: {RANKS} ranks exchange tensors and train with the losses of one",
        )


def drawing(platform: Platform) -> Iterator[Finding]:
    """Draw one picture with the shipped model."""
    from sancai import api

    model = api.load(device=platform.chip.key)
    frames = model.image("a man", steps=1).frames
    count = sum(p.numel() for p in model.engine.model.parameters())
    message = f"{model.folder.name} ({count / 1e6:.1f}M parameters) draws {frames.shape[1]}×{frames.shape[2]}"
    yield Finding("drawing", "good", message)
