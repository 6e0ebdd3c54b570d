"""Training and generation on the CPU and on a fake device, small enough for every change.

    PYTHONPATH=src:tests python -m chips.fake_device.workload ascend

runs everything for one chip in this process and prints one line of JSON.
"""

import contextlib
import dataclasses
import hashlib
import importlib.metadata
import json
import pathlib
import shutil
import sys
import tempfile
import time
import types
from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np
import torch

from chips.fake_device.device import FakeDevice, install
from sancai.checkpoint import load_model
from sancai.data.characters import CharactersConfig
from sancai.device import Chip, chips
from sancai.device import registry as registry_module
from sancai.device.operators import table_operators
from sancai.device.platform import get_platform
from sancai.device.transfer import count_transfers
from sancai.engine import Clip, Engine, GenerationConfig, Request, SamplingConfig, TextDelta, ThinkingDelta
from sancai.model import ModelConfig, Transformer, VisualConfig
from sancai.ops import grouped_matmul
from sancai.ops.rope import YarnScaling
from sancai.tokenizer import Tokenizer
from sancai.train import LossConfig, OptimizerConfig, Run, Share, TrainConfig, start

OTHER_NAME = {"cuda": "maca"}
"""The slot cannot carry the name of a device that PyTorch has itself."""
DTYPES = ("float32", "bfloat16")
STEPS = 2


def model_config() -> ModelConfig:
    """Return a model with every mechanism and about 400 thousand parameters."""
    return ModelConfig(
        vocab_size=640, hidden_size=48, num_hidden_layers=3, compress_ratios=(0, 4, 8, 0), num_attention_heads=4,
        head_dim=32, qk_rope_head_dim=16, q_lora_rank=32, o_groups=2, o_lora_rank=32, sliding_window=16,
        index_n_heads=8, index_head_dim=16, index_topk=8, n_routed_experts=4, num_experts_per_tok=2,
        moe_intermediate_size=32, num_hash_layers=1, hc_mult=2, hc_sinkhorn_iters=4,
        rope_scaling=YarnScaling(original_max_position_embeddings=256),
        visual=VisualConfig(n_routed_experts=4, num_experts_per_tok=2, block_frames=2),
    )  # fmt: skip


def train_config(device: str, dtype: str) -> TrainConfig:
    """Return a run whose second step holds every kind of batch."""
    return TrainConfig(
        name="fake_device", model=model_config(), device=device, dtype=dtype, steps=STEPS + 1, warmup_steps=1,
        mixture={"image": Share(1), "vqa": Share(1, 2, 1), "arithmetic": Share(1, 2, 1), "video": Share(1, 2, 1)},
        data=CharactersConfig(image_copies=2, questions=1), optimizer=OptimizerConfig(lr=6e-3, adamw_lr=4e-3),
        loss=LossConfig(bias_step=0.01, balance=3e-3), save_every=1000, sample_every=0,
    )  # fmt: skip


def record(key: str) -> Chip:
    """Return a chip's record under a device type that the open slot can carry."""
    chip = chips()[key]
    return dataclasses.replace(chip, device_type=OTHER_NAME.get(chip.device_type, chip.device_type), name_pattern=None)


def fake_device(key: str) -> FakeDevice:
    """Put the chip's fake device where detection finds it."""
    chip = record(key)
    point = types.SimpleNamespace(name=key, value="test", load=lambda: chip)
    importlib.metadata.entry_points = lambda group: (point,)  # type: ignore[assignment]
    registry_module.chips.cache_clear()
    return install(chip, table_operators(str(chip.operator_table)))


@contextlib.contextmanager
def references_only() -> Iterator[None]:
    """Run references on the CPU as on devices: no native kernels, and the expert plan with static shapes."""
    with (
        mock.patch.object(grouped_matmul, "ragged", grouped_matmul.tiled),
        mock.patch("sancai.train.opening.select_backends"),
        mock.patch("sancai.engine.engine.select_backends"),
    ):
        yield


def train(here: FakeDevice, device: str, dtype: str, folder: pathlib.Path) -> dict[str, Any]:
    """Train, save, go on from the files; return each step's report, transfers and seconds."""
    run = start(train_config(device, dtype), folder)
    out: dict[str, Any] = {"reports": [], "transfers": [], "seconds": []}
    for number in range(STEPS):
        _step(here, run, number, out)
    out["operators"] = dict(here.reached)
    run.step = STEPS
    run.save()
    again = start(train_config(device, dtype), folder)
    _step(here, again, again.step, out)
    out["parameters"] = sum(p.numel() for p in run.trainer.model.parameters())
    out["model"] = hashlib.sha256((folder / "model" / "model.safetensors").read_bytes()).hexdigest()
    return out


def _step(here: FakeDevice, run: Run, number: int, out: dict[str, Any]) -> None:
    here.to_device = here.to_host = 0
    if number == STEPS - 1:
        here.reached.clear()  # the operators of one whole step are kept
    started = time.perf_counter()
    with count_transfers() as transfers:
        out["reports"].append(run.trainer.step(number))
    out["seconds"].append(time.perf_counter() - started)
    out["transfers"].append([transfers.to_device, transfers.to_host, here.to_device, here.to_host])


def generate(here: FakeDevice, device: str, dtype: str, model: Transformer, tokenizer: Tokenizer) -> dict[str, Any]:
    """Write, draw and film; return what came and the transfers of each."""
    engine = Engine(model, tokenizer, get_platform(device, dtype), GenerationConfig(max_frames=3))
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 4), dtype=np.uint8)
    requests = {
        "text": Request(kind="chat", prompt="what is 2 + 3?", sampling=SamplingConfig(max_tokens=4)),
        "thought": Request(
            kind="chat", prompt="hello", think=True, pictures=[picture],
            sampling=SamplingConfig(max_tokens=2, temperature=1.0),
        ),
        "picture": Request(kind="image", prompt="a red knight", sampling=SamplingConfig(steps=2)),
        "film": Request(kind="video", prompt="walking", frames=3, pictures=[picture], sampling=SamplingConfig(steps=2)),
    }  # fmt: skip
    out: dict[str, Any] = {"transfers": {}, "seconds": 0.0}
    here.reached.clear()
    for name, request in requests.items():
        here.to_device = here.to_host = 0
        started = time.perf_counter()
        with count_transfers() as transfers:
            events = list(engine.generate(request))
        out["seconds"] += time.perf_counter() - started
        out["transfers"][name] = [transfers.to_device, transfers.to_host, here.to_device, here.to_host]
        text = "".join(e.text for e in events if isinstance(e, TextDelta | ThinkingDelta))
        frames = b"".join(e.frames.tobytes() for e in events if isinstance(e, Clip))
        out[name] = [text, hashlib.sha256(frames).hexdigest(), len(frames), events[-1].text_tokens]
    out["operators"] = dict(here.reached)
    return out


def share_words(first: pathlib.Path, folder: pathlib.Path) -> None:
    """Give a new run the vocabulary of the first, which takes longest to make."""
    (folder / "model").mkdir(parents=True)
    for name in ("tokenizer.json", *(f"model/{n}.json" for n in ("words", "palette", "looks", "generation"))):
        shutil.copy(first / name, folder / name)


def main(key: str) -> dict[str, Any]:
    """Run all of it for one chip."""
    begun, used = time.perf_counter(), time.process_time()
    here = fake_device(key)
    report: dict[str, Any] = {"chip": key, "torch": torch.__version__.split("+")[0]}
    with references_only(), tempfile.TemporaryDirectory() as name:
        first = pathlib.Path(name) / f"{DTYPES[0]}-cpu"
        for dtype in DTYPES:
            report[dtype] = {}
            for place, device in (("cpu", "cpu"), ("device", key)):
                folder = pathlib.Path(name) / f"{dtype}-{place}"
                if folder != first:
                    share_words(first, folder)
                trained = train(here, device, dtype, folder)
                made = generate(here, device, dtype, *load_model(folder / "model"))
                report[dtype][place] = {"training": trained, "generation": made}
    report |= {"composed": sorted(here.composed), "int64_arithmetic": sorted(here.int64_arithmetic)}
    report["seconds"] = [time.perf_counter() - begun, time.process_time() - used]
    return report


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
