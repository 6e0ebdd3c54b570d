"""Speed of the device: matrix products, memory traffic and launches, then text and pictures of the shipped model."""

import time
from collections.abc import Iterator

from sancai import api
from sancai.device.platform import Platform, peak_memory_bytes, reset_peak, synchronize
from sancai.doctor.finding import Finding
from sancai.engine import Request, Usage
from sancai.estimate import calibrate
from sancai.ops.selection import select_backends
from sancai.ops.tuning_cache import REFERENCE

PICTURES, TOKENS = 8, 96
LARGE = 2**24
"""Bytes of a transfer that is limited by bandwidth only."""
SUM = "what is 27 + 82?"


def kernels(platform: Platform) -> Iterator[Finding]:
    """Report the kernel of each operator, and why others are not used."""
    selections = select_backends(platform.device, platform.dtype, is_fresh=True)
    chosen = [f"{o.operator} by {o.chosen}" for o in selections if o.chosen != REFERENCE]
    own = len(selections) - len(chosen)
    message = f"{', '.join(chosen) or 'none chosen'}; {own} of {len(selections)} operators use their PyTorch reference"
    facts = {o.operator: {"chosen": o.chosen, "why": o.why, "others": o.others} for o in selections}
    yield Finding("kernels", "good", message, facts=facts)


def speed(platform: Platform) -> Iterator[Finding]:
    """Measure the device, then text and pictures."""
    rates = calibrate(platform).rates
    peak = max(max(row) for row in rates.products.values)
    traffic = rates.traffic.at(1, LARGE)
    launch = rates.launch * 1e6
    message = f"products {peak / 1e9:,.0f} GFLOP/s, elementwise {traffic / 1e9:,.1f} GB/s, {launch:.1f} µs a launch"
    facts = {"matmul_tflops": round(peak / 1e12, 4), "copy_gbs": round(traffic / 1e9, 2), "launch_us": launch}
    yield Finding("rates", "good", message, facts=facts)
    reset_peak(platform)
    model = api.load(device=platform.chip.key)
    text = _tokens_per_second(model, platform)
    pictures = _pictures_per_second(model, platform)
    peak = peak_memory_bytes(platform)
    message = f"{text:.0f} tokens/s, {pictures:.2f} pictures/s one at a time, {peak / 1e9:.2f} GB at most"
    facts = {"tokens_per_second": round(text, 2), "pictures_per_second": round(pictures, 3), "peak_bytes": peak}
    yield Finding("speed", "good", message, facts=facts)


def _tokens_per_second(model: api.Sancai, platform: Platform) -> float:
    """Return tokens per second of answers with thinking, after one to warm up."""
    count, started = -1, time.perf_counter()
    while count < TOKENS:
        events = list(model.generate(Request(kind="chat", prompt=SUM, think=True)))
        made = next(e.text_tokens for e in events if isinstance(e, Usage))
        synchronize(platform)
        if count < 0:
            count, started = 0, time.perf_counter()
        else:
            count += made
    return count / (time.perf_counter() - started)


def _pictures_per_second(model: api.Sancai, platform: Platform) -> float:
    """Return pictures per second, one after the other, after one to warm up."""
    model.image("a man", seed=0)
    synchronize(platform)
    started = time.perf_counter()
    for seed in range(PICTURES):
        model.image("a man", seed=seed)
    synchronize(platform)
    return PICTURES / (time.perf_counter() - started)
