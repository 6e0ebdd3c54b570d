"""Twenty training steps on the device, compared with the losses of a CPU."""

import json
import pathlib
import tempfile
import time
from collections.abc import Iterator

from sancai.data.characters import CharactersConfig
from sancai.device.platform import Platform
from sancai.doctor.finding import Finding, finite
from sancai.model import ModelConfig, VisualConfig
from sancai.train import LossConfig, OptimizerConfig, Share, TrainConfig, start

EXPECTED = pathlib.Path(__file__).parent / "expected.json"
TOLERANCE = 0.02
STEPS = 20


def training(platform: Platform) -> Iterator[Finding]:
    """Train a small model in fp32 and compare every step's loss."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        losses = loss_curve(platform.chip.key, pathlib.Path(folder))
    off, worst = largest_error(losses)
    message = f"{STEPS} steps in float32: losses at most {off:.2%} from the stored ones (step {worst})"
    facts = {"losses": losses, "train_steps_per_second": round(STEPS / (time.perf_counter() - started), 3)}
    yield Finding("training", "good" if off <= TOLERANCE else "bad", message, facts=facts)


def largest_error(losses: list[float]) -> tuple[float, int]:
    """Return the largest relative error of a loss and its step."""
    wanted: list[float] = json.loads(EXPECTED.read_text(encoding="utf-8"))["losses"]
    off = [finite(abs(mine / right - 1)) for mine, right in zip(losses, wanted, strict=True)]
    worst = max(range(STEPS), key=lambda n: off[n])
    return off[worst], worst


def loss_curve(device: str, folder: pathlib.Path) -> list[float]:
    """Return the loss of every step on a device; all ranks use the same, empty folder."""
    losses = []
    run = start(settings(device), folder)
    for number in range(STEPS):
        report = run.trainer.step(number)
        losses.append(float(f"{report['loss/flow'] + report.get('loss/text', 0.0):.6g}"))
    return losses


def settings(device: str) -> TrainConfig:
    """Return a small run that uses every mechanism of the model."""
    model = ModelConfig(
        vocab_size=1024, hidden_size=64, num_hidden_layers=3, compress_ratios=(0, 4, 8, 0), num_attention_heads=4,
        head_dim=32, qk_rope_head_dim=16, q_lora_rank=32, o_groups=2, o_lora_rank=32, sliding_window=16,
        index_n_heads=8, index_head_dim=16, index_topk=8, n_routed_experts=4, num_experts_per_tok=2,
        moe_intermediate_size=32, num_hash_layers=1, hc_mult=2, hc_sinkhorn_iters=6,
        visual=VisualConfig(n_routed_experts=4, num_experts_per_tok=2),
    )  # fmt: skip
    return TrainConfig(
        name="doctor", model=model, device=device, dtype="float32", steps=STEPS, warmup_steps=5,
        mixture={"image": Share(4), "arithmetic": Share(2, 2, 0), "video": Share(2, 4, 3)},
        data=CharactersConfig(image_copies=1), optimizer=OptimizerConfig(lr=4e-3, adamw_lr=3e-3), loss=LossConfig(),
    )  # fmt: skip
