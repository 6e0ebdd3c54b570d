"""How long the shipped model takes here: sprite, clip, text, training, start-up, memory, and where time goes.

    python benchmarks/laptop.py [--out benchmarks/results/laptop.json]

Every figure is the median of repeats after a warm-up, in one process.
"""

import argparse
import dataclasses
import json
import pathlib
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import torch

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from recipes import nano, tiny
from sancai import __version__, api
from sancai.device.platform import peak_memory_bytes
from sancai.train import start

REPEATS = 5


def median_seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the median time of `work` after one warm-up."""
    work()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def command_seconds(*arguments: str) -> float:
    """Return the median time of a whole process."""
    return median_seconds(
        lambda: subprocess.run([sys.executable, "-m", "sancai", *arguments], check=True, capture_output=True), 3
    )


def where_time_goes(work: Callable[[], object], count: int = 8) -> list[tuple[str, float]]:
    """Return the operators with the largest share of CPU time."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        work()
    events = sorted(profile.key_averages(), key=lambda e: -e.self_cpu_time_total)
    total = sum(e.self_cpu_time_total for e in events)
    return [(e.key, round(e.self_cpu_time_total / total, 3)) for e in events[:count]]


def inference() -> dict[str, object]:
    """Measure drawing, filming and text."""
    model = api.load()
    prompt = "a knight in steel armour with a red cape, facing left"
    sprite = median_seconds(lambda: model.image(prompt))
    clip = median_seconds(lambda: model.video(prompt), 3)
    started = time.perf_counter()
    usage = None
    sampling = model.engine.generation.sampling.replace(max_tokens=96, temperature=2.0)
    request = api.Request(kind="chat", prompt="describe a sum", sampling=sampling)
    for event in model.generate(request):
        usage = event
    text_seconds = time.perf_counter() - started
    return {
        "sprite_seconds": sprite,
        "clip_seconds": clip,
        "tokens_per_second": usage.text_tokens / text_seconds,
        "sprite_time_goes": where_time_goes(lambda: model.image(prompt)),
    }


def training(pack: str) -> dict[str, object]:
    """Measure training steps of both recipes, eager, on the pack given."""
    out: dict[str, object] = {}
    for name, config in (("nano", nano.pretrain()), ("tiny", tiny.pictures(pack))):
        config = dataclasses.replace(config, compile=False, sample_every=0)
        with tempfile.TemporaryDirectory() as folder:
            run = start(config, pathlib.Path(folder))
            run.trainer.step(0)
            started, frames = time.perf_counter(), 0.0
            for step in range(1, 5):
                frames += run.trainer.step(step)["frames"]
            out[f"{name}_frames_per_second"] = frames / (time.perf_counter() - started)
            started = time.perf_counter()
            run.trainer.dataset.documents("image", 50, random.Random(0))
            made = 50 * config.data.image_copies
            out[f"{name}_data_frames_per_second"] = made / (time.perf_counter() - started)
    return out


def main() -> None:
    """Print one table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=None)
    parser.add_argument("--pack", default="synthetic", help="character pack for the training figures")
    options = parser.parse_args()
    report: dict[str, object] = {
        "sancai": __version__, "torch": torch.__version__, "threads": torch.get_num_threads(),
        "machine": f"{platform.system()} {platform.machine()}",
        "help_seconds": command_seconds("--help"),
        "start_up_seconds": command_seconds("chat", "hello", "--max-tokens", "1"),
    }  # fmt: skip
    report |= inference() | training(options.pack)
    report["peak_memory_mib"] = peak_memory_bytes() / 2**20
    for name, value in report.items():
        print(f"{name:<28} {value:.3f}" if isinstance(value, float) else f"{name:<28} {value}")
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
