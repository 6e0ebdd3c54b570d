"""What the device reaches: products, copies and launches, then text and pictures of the shipped model."""

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
"""Bytes of a transfer that is limited by nothing but its rate."""
SUM = "what is 27 + 82?"


def kernels(here: Platform) -> Iterator[Finding]:
    """Tell which kernel plays each role here, and why no other does."""
    outcomes = select_backends(here.device, here.dtype, is_fresh=True)
    chosen = [f"{o.operator} by {o.chosen}" for o in outcomes if o.chosen != REFERENCE]
    own = len(outcomes) - len(chosen)
    told = f"{', '.join(chosen) or 'none chosen'}; plain PyTorch plays {own} of {len(outcomes)} roles"
    facts = {o.operator: {"chosen": o.chosen, "why": o.why, "others": o.others} for o in outcomes}
    yield Finding("kernels", "good", told, facts=facts)


def speed(here: Platform) -> Iterator[Finding]:
    """Measure the device, then text and pictures."""
    rates = calibrate(here).rates
    peak = max(max(row) for row in rates.products.values)
    traffic = rates.traffic.at(1, LARGE)
    launch = rates.launch * 1e6
    told = f"products {peak / 1e9:,.0f} GFLOP/s, elementwise {traffic / 1e9:,.1f} GB/s, {launch:.1f} µs a launch"
    facts = {"matmul_tflops": round(peak / 1e12, 4), "copy_gbs": round(traffic / 1e9, 2), "launch_us": launch}
    yield Finding("rates", "good", told, facts=facts)
    reset_peak(here)
    model = api.load(device=here.chip.key)
    text = _tokens_per_second(model, here)
    pictures = _pictures_per_second(model, here)
    peak = peak_memory_bytes(here)
    told = f"{text:.0f} tokens/s, {pictures:.2f} pictures/s one at a time, {peak / 1e9:.2f} GB at most"
    facts = {"tokens_per_second": round(text, 2), "pictures_per_second": round(pictures, 3), "peak_bytes": peak}
    yield Finding("speed", "good", told, facts=facts)


def _tokens_per_second(model: api.Sancai, here: Platform) -> float:
    """Answer sums with thinking until enough tokens are told, after one to warm up."""
    count, started = -1, time.perf_counter()
    while count < TOKENS:
        events = list(model.generate(Request(kind="chat", prompt=SUM, think=True)))
        made = next(e.text_tokens for e in events if isinstance(e, Usage))
        synchronize(here)
        if count < 0:
            count, started = 0, time.perf_counter()
        else:
            count += made
    return count / (time.perf_counter() - started)


def _pictures_per_second(model: api.Sancai, here: Platform) -> float:
    """Draw pictures one after the other, after one to warm up."""
    model.image("a man", seed=0)
    synchronize(here)
    started = time.perf_counter()
    for seed in range(PICTURES):
        model.image("a man", seed=seed)
    synchronize(here)
    return PICTURES / (time.perf_counter() - started)
