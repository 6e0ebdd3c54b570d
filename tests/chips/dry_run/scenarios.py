"""the dry run itself: scenarios that the project's code plays on device "npu", an empty runtime under the host code.

Runs in a process of its own (`sancai` must find the host code installed, as on a user's machine), one JSON file out.
No arithmetic happens: what a scenario shows is which kernels and collectives the host code launches, that it has every
one of them, and how often values are read back to the host.
"""

import ctypes
import dataclasses
import itertools
import json
import pathlib
import random
import re
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from unittest import mock

import numpy as np
import torch
import torch.distributed as dist
from torch.utils._python_dispatch import TorchDispatchMode

from recipes import nano
from sancai.data import Dataset
from sancai.device import collectives, sharding
from sancai.device.platform import Platform, get_platform, set_device
from sancai.engine import Clip, Engine, GenerationConfig, Request, SamplingConfig
from sancai.model import AuxiliaryLosses, ModelConfig, Transformer, VisualConfig
from sancai.model.moe import Experts
from sancai.ops.backends import ascend
from sancai.ops.dispatch import run_kernel
from sancai.ops.selection import OPERATORS
from sancai.ops.verification import SampleTensors
from sancai.sequence import Text, pack
from sancai.tokenizer import Tokenizer
from sancai.train.loop import Run
from sancai.train.trainer import Trainer

CONFIG = dataclasses.replace(nano.pretrain(), dtype="bfloat16", measure_limit=False)
STEPS = range(4)
"""They hold every task of the recipe's mixture."""
WORLD = 8
OTHER_BYTE = 0x3F
"""Floats made of it are 0.75, where bytes of 0 make 0."""
Calls = dict[str, int]


class Counting:
    """The empty runtime's counters."""

    def __init__(self) -> None:
        self._runtime = ctypes.CDLL("libopapi.so")

    def read_as(self, byte: int) -> None:
        """Choose what bytes everything read back to the host consists of."""
        self._runtime.dry_run_read_as(byte)

    def take(self) -> Calls:
        """Return how often everything was called since the last time."""
        torch.accelerator.synchronize()
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "calls")
            if self._runtime.dry_run_report(str(path).encode()):
                raise OSError(f"the runtime could not write {path}")
            pairs = (line.rsplit(" ", 1) for line in path.read_text("utf-8").splitlines())
            return {name: int(count) for name, count in pairs}


@dataclasses.dataclass(frozen=True)
class Setup:
    """What all scenarios share."""

    counting: Counting
    platform: Platform
    tokenizer: Tokenizer
    dataset: Dataset

    def model(self, config: ModelConfig = CONFIG.model) -> Transformer:
        """Return a fresh model on the device, in bf16."""
        model = Transformer(config, seed=0).to(self.platform.device)
        model.compute_dtype = torch.bfloat16
        return model


def train(setup: Setup) -> None:
    """Take steps of the recipe: Muon and AdamW, all tasks, routing biases, the weights' average."""
    trainer = Trainer(setup.model(), setup.dataset, CONFIG)
    setup.counting.take()
    for number in STEPS:
        trainer.step(number)


def again(setup: Setup) -> None:
    """Take one step twice, between them choosing other values for what is read back; launches must not change."""
    trainer = Trainer(setup.model(), setup.dataset, CONFIG)
    trainer.step(0)
    reports, taken = [], []
    for byte in (0, OTHER_BYTE):
        setup.counting.read_as(byte)
        setup.counting.take()
        reports.append(trainer.step(3))
        taken.append(setup.counting.take())
    setup.counting.read_as(0)
    if reports[0] == reports[1]:
        raise AssertionError("both steps reported the same: they read nothing back, so this shows nothing")
    if taken[0] != taken[1]:
        changed = {n for n in taken[0].keys() | taken[1].keys() if taken[0].get(n) != taken[1].get(n)}
        raise AssertionError(f"values read back to the host steer a training step: {sorted(changed)} changed")


def keep(setup: Setup) -> None:
    """Train through the loop, write state and model, and go on from them."""
    with tempfile.TemporaryDirectory() as folder:
        run = Run(CONFIG, pathlib.Path(folder), Trainer(setup.model(), setup.dataset, CONFIG), setup.tokenizer)
        run.train(until=1)
        run.trainer.model.load_state_dict(run.state()["weights"])
        run.trainer.optimizer.load_state_dict(run.state()["optimizer"])


def long(setup: Setup) -> None:
    """Read a long document and learn from it: more keys than the two plain products are used for."""
    model = setup.model()
    setup.counting.take()
    output = model(pack([[[Text(ids=[5] * 1100)]]]), aux=AuxiliaryLosses())
    assert output.hidden is not None
    model.logits(output.hidden).sum().backward()


def chat(setup: Setup) -> None:
    """Answer in text, the likeliest token and drawn ones, once about a picture."""
    engine = _engine(setup)
    picture = np.zeros((64, 64, 4), np.uint8)
    _generate(engine, Request(kind="chat", prompt="What is 2 + 3?", sampling=SamplingConfig(max_tokens=6)))
    sampling = SamplingConfig(max_tokens=6, temperature=1.0)
    _generate(engine, Request(kind="chat", prompt="Who is it?", pictures=[picture], sampling=sampling))


def image(setup: Setup) -> None:
    """Draw a picture, with guidance."""
    assert _generate(_engine(setup), Request(kind="image", prompt="an orc", sampling=SamplingConfig(steps=3))) == 1


def film(setup: Setup) -> None:
    """Film a clip of two blocks, the first committed to the cache."""
    frames = (CONFIG.model.visual or VisualConfig()).block_frames + 2
    request = Request(kind="video", prompt="an orc walks", frames=frames, sampling=SamplingConfig(steps=2))
    assert _generate(_engine(setup), request) == frames


def shard(setup: Setup) -> None:
    """Take a step as rank 0 of 8: every weight cut in eight, experts gathered in bf16, the rest in fp32."""
    kind = setup.platform.device.type
    set_device(torch.device(kind, 0))
    store = dist.HashStore()  # no other rank is there, and none is waited for
    dist.init_process_group(dist.get_default_backend_for_device(kind), rank=0, world_size=WORLD, store=store)
    mixture = {task: dataclasses.replace(share, rows=WORLD) for task, share in CONFIG.mixture.items()}
    config = dataclasses.replace(CONFIG, mixture=mixture)
    visual = dataclasses.replace(CONFIG.model.visual or VisualConfig(), n_routed_experts=WORLD)
    model = setup.model(dataclasses.replace(CONFIG.model, n_routed_experts=WORLD, visual=visual))
    with mock.patch.object(collectives, "_is_initialized", True):
        sharding.shard(model, [m for m in model.modules() if isinstance(m, Experts)], setup.platform)
        trainer = Trainer(model, setup.dataset, config)
        setup.counting.take()
        trainer.step(0)
    dist.destroy_process_group()


def fused(setup: Setup) -> None:
    """Call every fused operator that a role may use, forward and backward; its results look like the reference's."""
    operators = {operator.name: operator for operator in OPERATORS}
    formats = (torch.bfloat16, torch.float16, torch.float32)
    for backend, dtype in itertools.product(ascend.BACKENDS, formats):
        operator, kernel = operators[backend.operator], backend.load()
        samples = [
            c for c in operator.samples(SampleTensors(setup.platform.device, dtype)) if kernel.supports(*c.arguments)
        ]
        for case in samples:
            leaves = [case.arguments[i].requires_grad_() for i in case.differentiable]
            out, usual = (
                _tensors(f(*case.arguments))
                for f in (partial(run_kernel, operator, backend.name, kernel), operator.reference)
            )
            learned = [o for o in out if o.requires_grad]
            gradients = torch.autograd.grad(learned, leaves, [torch.ones_like(o) for o in learned])
            for expected, got in zip([*usual, *leaves], [*out, *gradients], strict=True):
                assert (expected.shape, expected.dtype) == (got.shape, got.dtype), (operator.name, case.name, got.shape)
        assert operator.disabled == {}, (operator.name, operator.disabled)


def _tensors(out: torch.Tensor | tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
    return list(out) if isinstance(out, tuple) else [out]


def lacking(setup: Setup) -> None:
    """Ask for an operator that this chip has no kernel for."""
    torch.linalg.eigh(torch.ones(2, 2, device=setup.platform.device, dtype=torch.float32))


def unknown_size(setup: Setup) -> None:
    """Ask for a result whose size depends on the data."""
    torch.ones(2, 2, device=setup.platform.device, dtype=torch.float32).nonzero()


SCENARIOS: dict[str, Callable[[Setup], None]] = {
    scenario.__name__: scenario
    for scenario in (train, again, keep, long, chat, image, film, fused, shard, lacking, unknown_size)
}


def _engine(setup: Setup) -> Engine:
    with mock.patch("sancai.engine.engine.select_backends"):  # nothing is computed: a trial would choose by chance
        engine = Engine(
            Transformer(CONFIG.model, seed=0), setup.tokenizer, setup.platform, GenerationConfig(max_frames=64)
        )
    setup.counting.take()
    return engine


def _generate(engine: Engine, request: Request) -> int:
    """Run a request; return the number of frames it made."""
    clips = [event for event in engine.generate(request) if isinstance(event, Clip)]
    return sum(len(clip.frames) for clip in clips)


# ---- what came of it ----------------------------------------------------------------------------------------------


def run_scenario(setup: Setup, scenario: Callable[[Setup], None], where: bool) -> dict[str, object]:
    """Return what a scenario launched, how long the host took and how it failed, if it did."""
    reads, error = HostReads(), ""
    setup.counting.take()
    started = time.monotonic()
    try:
        with reads if where else torch.enable_grad():
            scenario(setup)
    except Exception:
        error = traceback.format_exc()
    seconds = time.monotonic() - started
    calls = setup.counting.take()
    return {
        "kernels": {n: c for n, c in calls.items() if n.startswith("aclnn") and not n.endswith("GetWorkspaceSize")},
        "older": {n: c for n, c in calls.items() if n.startswith("aclop:")},
        "collectives": {n: c for n, c in calls.items() if re.fullmatch(r"Hccl(All|Reduce|Broad|Send|Recv|Scat)\w*", n)},
        "host_reads": calls["host_reads"],
        "host_bytes": calls["host_bytes"],
        "read_at": dict(reads.places),
        "seconds": round(seconds, 2),
        "error": error,
    }


class HostReads(TorchDispatchMode):
    """Notes the lines of the project that bring values from a device to the host."""

    def __init__(self) -> None:
        super().__init__()
        self.places: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        out = func(*args, **(kwargs or {}))
        given = [a for a in args if isinstance(a, torch.Tensor)]
        if func is torch.ops.aten.copy_.default:
            reads = not _is_away(given[0]) and _is_away(given[1])
        else:
            is_away = any(map(_is_away, given))
            here = isinstance(out, torch.Tensor) and not _is_away(out)
            reads = is_away and (here or func is torch.ops.aten._local_scalar_dense.default)
        if reads:
            frames = [f for f in traceback.extract_stack() if "sancai" in pathlib.Path(f.filename).parts]
            self.places[f"{frames[-1].filename}:{frames[-1].lineno} {frames[-1].line}" if frames else "elsewhere"] += 1
        return out


def _is_away(tensor: torch.Tensor) -> bool:
    return tensor.device.type not in ("cpu", "meta")


def _setup() -> Setup:
    tokenizer = Tokenizer.train(CONFIG.data.texts(random.Random(0), 600), CONFIG.model.vocab_size)
    return Setup(Counting(), get_platform("auto"), tokenizer, CONFIG.data.open(tokenizer))


def main(arguments: list[str]) -> Iterator[str]:
    """Play the scenarios named (all without names) and write what came of them; yield a line each.

    Arguments: the file to write, `--where` to note which lines read back (slow), names of scenarios.
    """
    target, *rest = arguments
    names = [name for name in rest if name != "--where"] or list(SCENARIOS)
    started = time.monotonic()
    setup = _setup()
    kind, count = setup.platform.device.type, torch.accelerator.device_count()
    yield f"device {kind}, {count} of them; nothing is computed on them"
    done: dict[str, object] = {"device": setup.platform.device.type, "torch": torch.__version__}
    for name in names:
        done[name] = result = run_scenario(setup, SCENARIOS[name], "--where" in rest)
        yield f"{name}: {sum(result['kernels'].values())} launches, {result['seconds']} s"  # type: ignore[attr-defined]
    done["seconds"] = round(time.monotonic() - started, 2)
    pathlib.Path(target).write_text(json.dumps(done, indent=1), "utf-8")


if __name__ == "__main__":
    for line in main(sys.argv[1:]):
        print(line, flush=True)
