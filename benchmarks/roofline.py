"""How near the cost model comes on this machine: predicted against measured decode, prefill, denoise and training.

    python benchmarks/roofline.py [--out benchmarks/results/roofline.json]

Calibration and measurements run in one process, one after the other.  The model has random weights: speed does
not depend on them, except on how evenly the router spreads tokens.
"""

import argparse
import dataclasses
import json
import pathlib
import platform as machine_platform
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

from sancai import __version__
from sancai.device.platform import Platform, get_platform
from sancai.estimate import Calibration, CostModel, ElementBytes, Workload, calibrate, mode_of
from sancai.estimate.calibration import best_seconds
from sancai.estimate.op_cost import with_backward
from sancai.estimate.rates import total_seconds
from sancai.model import ModelConfig, Transformer, VisualConfig
from sancai.sequence import Block, Text, pack

CONTEXT, PROMPT, SIDE = 512, 512, 16
ACCEPTED = 0.25
"""Largest difference that the cost model is allowed here."""


def mid_size() -> ModelConfig:
    """Return a model between the shipped one and the released ones: 206 million parameters."""
    return ModelConfig(
        vocab_size=4096, hidden_size=512, num_hidden_layers=8, compress_ratios=(0, 0, 4, 64, 4, 64, 4, 64, 0),
        num_attention_heads=8, head_dim=128, qk_rope_head_dim=64, q_lora_rank=256, o_groups=2, o_lora_rank=256,
        sliding_window=128, index_n_heads=8, index_head_dim=64, index_topk=64, n_routed_experts=16,
        num_experts_per_tok=2, moe_intermediate_size=512, visual=VisualConfig(),
    )  # fmt: skip


class Subject:
    """A model on a device, its predictions and its measurements."""

    def __init__(self, config: ModelConfig, platform: Platform, calibration: Calibration) -> None:
        model = Transformer(config).to(platform.device).eval().requires_grad_(False)
        model.compute_dtype = platform.dtype
        number = torch.finfo(platform.dtype).bits / 8
        self.work = CostModel(config, mode_of(platform), ElementBytes(math=number, weights=4, experts=4))
        self.model, self.platform, self.rates = model, platform, calibration.rates
        self.cache = model(pack([[[self.text(CONTEXT)]]]), use_cache=True).cache

    def text(self, count: int) -> Text:
        """Return random tokens."""
        rng = np.random.default_rng(count)
        return Text(ids=rng.integers(0, self.model.config.vocab_size, count).tolist())

    def decode(self) -> None:
        """Read one token after a context, and score the next."""
        output = self.model(pack([[[self.text(1)]]], self.cache.cursors), self.cache, use_cache=True)
        self.model.logits(output.hidden[:, -1])

    def prefill(self) -> None:
        """Read a prompt, and score what follows."""
        self.model.logits(self.model(pack([[[self.text(PROMPT)]]]), use_cache=True).hidden[:, -1])

    def denoise(self) -> None:
        """Run one denoising pass over a picture after a context."""
        latents = np.zeros((1, SIDE, SIDE, self.model.config.visual.latent_channels), np.float32)
        block = Block(latents=latents, times=[0], sigma=0.5)
        self.model(pack([[[block]]], self.cache.cursors), self.cache)

    @torch.enable_grad()
    def train(self) -> None:
        """Read a prompt, score all of it, and make gradients."""
        self.model.requires_grad_(True)
        hidden = self.model(pack([[[self.text(PROMPT)]]])).hidden[0]
        targets = torch.zeros(PROMPT, dtype=torch.int64, device=hidden.device)
        F.cross_entropy(self.model.logits(hidden), targets).backward()
        self.model.requires_grad_(False)

    def row(self, load: Workload, run: Callable[[], None], has_backward: bool = False) -> dict[str, float]:
        """Return predicted and measured seconds of a pass."""
        operators = self.work.forward(load)
        predicted = total_seconds(self.rates, with_backward(operators) if has_backward else operators)
        measured = best_seconds(self.platform, run, least=0.5)
        return {"predicted_seconds": predicted, "measured_seconds": measured, "ratio": predicted / measured}


def rows(config: ModelConfig, platform: Platform, calibration: Calibration) -> dict[str, dict[str, float]]:
    """Return the comparison of all passes."""
    subject = Subject(config, platform, calibration)
    tokens = SIDE * SIDE
    return {
        "decode": subject.row(Workload(text=1, context=CONTEXT, scored=1, keeps_cache=True), subject.decode),
        "prefill": subject.row(Workload(text=PROMPT, scored=1, keeps_cache=True), subject.prefill),
        "denoise": subject.row(Workload(noisy=tokens, frame_tokens=tokens, context=CONTEXT), subject.denoise),
        "train": subject.row(Workload(text=PROMPT, scored=PROMPT), subject.train, has_backward=True),
    }


@torch.no_grad()
def main() -> None:
    """Print one table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=None)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default=None)
    options = parser.parse_args()
    platform = get_platform(options.device, options.dtype)
    calibration = calibrate(platform)
    found = rows(mid_size(), platform, calibration)
    rates = calibration.rates
    report = {
        "sancai": __version__, "machine": f"{machine_platform.system()} {machine_platform.machine()}",
        "calibration": dataclasses.asdict(calibration), "passes": found,
    }  # fmt: skip
    told = f"{calibration.device}, {calibration.dtype}, {calibration.threads} threads"
    print(f"{told}, {rates.launch * 1e6:.2f} µs a launch, {rates.chained * 1e6:.2f} µs inside Sinkhorn")
    for name, row in found.items():
        told = "within" if abs(row["ratio"] - 1) <= ACCEPTED else "outside"
        times = (f"{word} {row[word + '_seconds'] * 1e3:9.2f} ms" for word in ("predicted", "measured"))
        print(f"{name:<8}", *times, f"ratio {row['ratio']:.2f}, {told} {ACCEPTED:.0%}", sep="  ")
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
