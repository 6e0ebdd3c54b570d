"""How fast a training step is: on PyTorch alone, with our kernels, without most outer patches; a plain DiT beside it.

    python benchmarks/training.py [--pack packs/characters] [--out benchmarks/results/training.json]

All variants take a step in turn, in one process and on one thread, so that they see the same machine.  Figures are
medians of CPU time, which other processes disturb least.  FLOPs are those of the model (`sancai.train.flops`), without
padding and the optimizer.
"""

import argparse
import dataclasses
import json
import pathlib
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from recipes import tiny
from sancai import __version__
from sancai.checkpoint import TOKENIZER
from sancai.device.matmul_limit import matmul_limit
from sancai.device.platform import get_platform
from sancai.ops.selection import OPERATORS, explain
from sancai.train import Share, TrainConfig, start

WARM_UP = 2
PATCHES, CHANNELS = 64, 256
CASES = {
    "20 pictures": (20, 1),
    "20 × 2 pictures": (20, 2),
    "20 × 4 pictures": (20, 4),
    "40 × 4 pictures": (40, 4),
    "the recipe's mixture": None,
}
"""Captions and pictures of each in a step; None for all tasks, over as many steps as they come back in."""
VARIANTS = {"PyTorch": (False, 1.0), "kernels": (True, 1.0), "kernels, outer patches left out": (True, 0.25)}
"""Whether our kernels may answer, and which share of outer patches stays."""

Step = Callable[[int], dict[str, float]]


class Block(nn.Module):
    """A block of DiT with adaLN-Zero (arXiv 2212.09748)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.up, self.down = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)
        self.condition = nn.Linear(dim, 6 * dim)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Return (B, T, D) of x (B, T, D) and condition (B, D)."""
        shift, scale, gate, shift_up, scale_up, gate_up = self.condition(condition)[:, None].chunk(6, -1)
        normed = F.layer_norm(x, x.shape[-1:]) * (1 + scale) + shift
        query, key, value = self.qkv(normed).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        read = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(-2)
        x = x + gate * self.out(read)
        normed = F.layer_norm(x, x.shape[-1:]) * (1 + scale_up) + shift_up
        return x + gate_up * self.down(F.gelu(self.up(normed), approximate="tanh"))


class PlainDiT(nn.Module):
    """20 million parameters that denoise 64 patches, conditioned by one vector."""

    def __init__(self, dim: int = 384, depth: int = 7, heads: int = 6) -> None:
        super().__init__()
        self.enter, self.leave = nn.Linear(CHANNELS, dim), nn.Linear(dim, CHANNELS)
        self.place = nn.Parameter(torch.randn(PATCHES, dim) * 0.02)
        self.level = nn.Linear(dim, dim)
        self.blocks = nn.ModuleList(Block(dim, heads) for _ in range(depth))

    def forward(self, latents: Tensor, condition: Tensor) -> Tensor:
        """Return (B, T, C) of latents (B, T, C) and condition (B, D)."""
        x, condition = self.enter(latents) + self.place, F.silu(self.level(condition))
        for block in self.blocks:
            x = block(x, condition)
        return self.leave(x)


def dit_step(frames: int) -> Step:
    """Return a training step of the plain DiT in bf16 with AdamW."""
    model, dim = PlainDiT(), 384
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    weights = sum(p.numel() for n, p in model.named_parameters() if p.dim() == 2 and "condition" not in n)
    latents, condition = torch.randn(frames, PATCHES, CHANNELS), torch.randn(frames, dim)

    def step(number: int) -> dict[str, float]:
        with torch.autocast("cpu", torch.bfloat16):
            loss = (model(latents, condition).float() - latents).square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return {"frames": frames, "flops": 6.0 * weights * frames * PATCHES}

    return step


def settings(pack: str, case: tuple[int, int] | None, outer_share: float) -> TrainConfig:
    """Return the recipe of the shipped model for one case."""
    base = tiny.pictures(pack)
    changed = dataclasses.replace(
        base, loss=dataclasses.replace(base.loss, outer_share=outer_share), sample_every=0, compile=False
    )
    if case is None:
        return changed
    rows, copies = case
    data = dataclasses.replace(changed.data, image_copies=copies)
    return dataclasses.replace(changed, data=data, mixture={"image": Share(rows)})


def period(config: TrainConfig) -> int:
    """Return after how many steps all tasks have come back."""
    return max(share.every for share in config.mixture.values())


@contextmanager
def kernels(allowed: bool) -> Iterator[None]:
    """Take the kernels away for a while where they are not allowed."""
    kept = [(operator, operator.active) for operator in OPERATORS]
    if not allowed:
        for operator, _ in kept:
            operator.active = {}
    try:
        yield
    finally:
        for operator, active in kept:
            operator.active = active


def with_kernels(step: Step, allowed: bool) -> Step:
    """Return a step that may or may not use our kernels."""

    def run(number: int) -> dict[str, float]:
        with kernels(allowed):
            return step(number)

    return run


def measure(steps: dict[str, Step], count: int, limit: float) -> dict[str, dict[str, float]]:
    """Let all variants take `count` steps in turn; return what they reach."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    reports: dict[str, list[dict[str, float]]] = {name: [] for name in steps}
    for number in range(WARM_UP + count):
        for name, step in steps.items():
            started = time.process_time()
            report = step(number)
            if number >= WARM_UP:
                seconds[name].append(time.process_time() - started)
                reports[name].append(report)
    found = {}
    for name, times in seconds.items():
        total = sum(times) if len(set(r["frames"] for r in reports[name])) > 1 else statistics.median(times) * count
        frames, flops = (sum(r[key] for r in reports[name]) for key in ("frames", "flops"))
        found[name] = {
            "frames_per_second": round(frames / total, 2),
            "seconds_per_step": round(total / count, 4),
            "model_gflop_per_second": round(flops / total / 1e9, 1),
            "share_of_matmul_limit": round(flops / total / limit, 3),
        }
    return found


def run_case(pack: str, name: str, count: int, limit: float) -> dict[str, dict[str, float]]:
    """Measure all variants of one case."""
    case, steps = CASES[name], {}
    with tempfile.TemporaryDirectory() as folder:
        for variant, (allowed, outer_share) in VARIANTS.items():
            config, mine = settings(pack, case, outer_share), pathlib.Path(folder) / variant
            mine.mkdir()
            for other in pathlib.Path(folder).glob(f"*/{TOKENIZER}"):  # one tokenizer for all
                shutil.copy(other, mine / TOKENIZER)
                break
            steps[variant] = with_kernels(start(config, mine).trainer.step, allowed)
        if case is not None:
            steps["plain DiT"] = dit_step(case[0] * case[1])
        return measure(steps, max(count, period(config)), limit)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pack", default="packs/characters")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--cases", nargs="*", default=list(CASES))
    parser.add_argument("--out", type=pathlib.Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    limit = matmul_limit(get_platform("cpu", "bfloat16"))
    result = {"version": __version__, "machine": platform.machine(), "torch": torch.__version__, "cases": {}}
    result |= {"matmul_limit_gflop_per_second": round(limit / 1e9, 1)}
    for name in arguments.cases:
        result["cases"][name] = run_case(arguments.pack, name, arguments.steps, limit)
        print(name, json.dumps(result["cases"][name], indent=1), flush=True)
    print(explain())
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
