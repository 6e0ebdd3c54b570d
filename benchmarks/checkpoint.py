"""How fast an official folder loads, and in how much memory: a made-up model with experts in fp4.

    python benchmarks/checkpoint.py [--gib 2] [--out benchmarks/results/checkpoint.json]

The folder is written first, dropped from the page cache where the system allows it, and loaded in a fresh
process, whose largest resident memory is compared with the files and with the same process without a model.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import torch

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from sancai.checkpoint.conversion import write_config
from sancai.checkpoint.layout import TensorSpec, official_layout
from sancai.checkpoint.shards import Entry, plan_shards, write_index, write_shards
from sancai.model import ModelConfig, named_config

CHILD = """
import json, pathlib, sys, time
import torch
from sancai.checkpoint import load_official
from sancai.device.platform import peak_memory_bytes
before, started = peak_memory_bytes(), time.perf_counter()
if sys.argv[1] != "-":
    load_official(pathlib.Path(sys.argv[1]))
print(json.dumps({"seconds": time.perf_counter() - started, "before": before, "peak": peak_memory_bytes()}))
"""
ELEMENTS = {"BF16": torch.bfloat16, "F32": torch.float32, "F8_E4M3": torch.float8_e4m3fn, "I8": torch.int8}
MODEST_SCALE = 120
"""e8m0 byte of 2^-7."""


def config_of(gib: float) -> ModelConfig:
    """Return a small Flash whose experts make up about so many GiB."""
    base = dataclasses.replace(
        named_config("v4-flash"), vocab_size=8192, hidden_size=1024, num_hidden_layers=6,
        compress_ratios=(0, 0, 4, 128, 4, 128, 0), num_attention_heads=16, head_dim=128, q_lora_rank=256, o_groups=4,
        o_lora_rank=256, moe_intermediate_size=1024,
    )  # fmt: skip
    one = sum(s.num_bytes for s in official_layout(dataclasses.replace(base, n_routed_experts=8)))
    two = sum(s.num_bytes for s in official_layout(dataclasses.replace(base, n_routed_experts=16)))
    experts = 8 + round((gib * 2**30 - one) / (two - one) * 8)
    return dataclasses.replace(base, n_routed_experts=max(8, experts))


def made_up(spec: TensorSpec) -> torch.Tensor:
    """Return random contents of one tensor: any bytes for packed numbers, small numbers elsewhere."""
    if spec.element == "I64":
        return torch.zeros(spec.shape, dtype=torch.int64)
    if spec.element == "F8_E8M0":
        return torch.full(spec.shape, MODEST_SCALE, dtype=torch.uint8).view(torch.float8_e8m0fnu)
    if spec.element == "I8":
        return torch.randint(-128, 128, spec.shape, dtype=torch.int8)
    return (torch.randn(spec.shape) * 0.02).to(ELEMENTS[spec.element])


def child(folder: str) -> dict[str, float]:
    """Return what a fresh process needed to load a folder."""
    done = subprocess.run([sys.executable, "-c", CHILD, folder], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def disk_seconds(folder: pathlib.Path) -> float:
    """Return how long reading the files alone takes, after asking the system to forget them."""
    started = time.perf_counter()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb", buffering=0) as file:
            while file.read(2**24):
                pass
    return time.perf_counter() - started


def forget(folder: pathlib.Path) -> None:
    """Ask the system to drop the files from its page cache."""
    for path in folder.glob("*.safetensors"):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main() -> None:
    """Write, load, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gib", type=float, default=2.0)
    parser.add_argument("--out", type=pathlib.Path, default=None)
    options = parser.parse_args()
    config = config_of(options.gib)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        specs = list(official_layout(config))
        entries = (Entry((s.name,), s.num_bytes, lambda s=s: [made_up(s)]) for s in specs)
        index = write_shards(folder, plan_shards(entries, 2**29), None)
        write_config(folder, config, "fp4")
        write_index(folder, index, {})
        size = sum(p.stat().st_size for p in folder.glob("*.safetensors"))
        largest = max(p.stat().st_size for p in folder.glob("*.safetensors"))
        forget(folder)
        disk = disk_seconds(folder)
        forget(folder)
        bare, loaded = child("-"), child(name)
    taken = loaded["peak"] - bare["peak"]
    report = {
        "files_bytes": size, "largest_shard_bytes": largest, "tensors": len(specs), "load_seconds": loaded["seconds"],
        "read_files_seconds": disk, "memory_bytes": taken, "limit_bytes": round(size * 1.1 + largest),
        "within_limit": taken <= size * 1.1 + largest,
    }  # fmt: skip
    for key, value in report.items():
        print(f"{key:<22} {value:,}" if isinstance(value, int) else f"{key:<22} {value}")
    if options.out:
        options.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
