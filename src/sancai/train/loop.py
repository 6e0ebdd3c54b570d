"""The training loop: steps, metrics, states, sample sheets; stops cleanly and resumes exactly."""

import dataclasses
import json
import pathlib
import random
import time
from collections.abc import Callable
from typing import Any, Protocol

import torch

from sancai.checkpoint import (
    TOKENIZER,
    WEIGHTS,
    load_state,
    load_weights,
    newest_state,
    read_weights,
    save_model,
    save_state,
)
from sancai.data.characters.packs import open_pack
from sancai.data.characters.samples import Sampler, sample_texts
from sancai.data.characters.vocabulary import known_colors, known_words
from sancai.device import collectives
from sancai.device.platform import get_platform
from sancai.device.sharding import distribute_like, full_state_dict, shard
from sancai.device.transfer import module_to_device, to_device, to_host
from sancai.errors import CheckpointError
from sancai.model import Transformer
from sancai.model.moe import Experts
from sancai.ops.selection import select_backends
from sancai.telemetry import MetricsFile
from sancai.tokenizer import Tokenizer
from sancai.train.config import TrainConfig
from sancai.train.step import Stepper

VOCABULARY_TEXTS = 6000
Report = dict[str, float]


class Watcher(Protocol):
    """What a run shows while it goes, on every rank: weights may have to come together for it."""

    def __call__(self, step: int, report: Report, run: "Run") -> None: ...


@dataclasses.dataclass
class Run:
    """One training run in one folder."""

    config: TrainConfig
    folder: pathlib.Path
    stepper: Stepper
    tokenizer: Tokenizer
    step: int = 0

    def train(
        self, watch: Watcher | None = None, until: int | None = None, stop: Callable[[], bool] = lambda: False
    ) -> None:
        """Run to the end (or `until`); an interruption saves the state first, where this rank can do it alone.

        Args:
            watch: called after every step, on every rank.
            until: step to stop at.
            stop: asked after every step; True saves and returns.
        """
        leads = collectives.is_rank_zero()
        metrics = MetricsFile(self.folder / "metrics.jsonl", self.step) if leads else None
        owes = False  # a whole step that no state holds yet
        last = min(until or self.config.steps, self.config.steps)
        try:
            while self.step < last and not self._agreed(stop()):
                started = time.monotonic()
                owes = False  # nothing may be saved from the middle of a step
                report = self.stepper.step(self.step)
                report["seconds"] = time.monotonic() - started
                if metrics:
                    metrics.write(self.step, {k: round(v, 6) for k, v in report.items()})
                self.step += 1
                owes = True
                if watch:
                    watch(self.step, report, self)
                if self.step % self.config.save_every == 0:
                    self.save()
                    owes = False
        except BaseException:
            if owes and not self.config.shard:  # no gathering that other ranks may not come to
                self.save()
            raise
        if owes:
            self.save()

    def _agreed(self, wish: bool) -> bool:
        """Return whether any rank wishes to stop, so that all stop after the same step."""
        if collectives.world_size() == 1:
            return wish
        wishes = torch.full((1,), float(wish), dtype=torch.float32, device="cpu")
        return bool(to_host(collectives.all_reduce(to_device(wishes, self.stepper.model.device))) > 0)

    def save(self) -> None:
        """Write the training state and the averaged model; of several ranks the first does.

        Where weights are sharded all ranks must save together.
        """
        leads = collectives.is_rank_zero()
        state = self.state(keeps=leads)
        if not leads:
            return
        save_state(self.folder, self.step, state)
        folder = self.folder / "model"
        save_model(folder, self.config.model, state["average"], self.tokenizer)
        if not (folder / "words.json").is_file():
            library = self.stepper.sampler.library
            for name, values in (("words", known_words(library)), ("palette", known_colors(library))):
                (folder / f"{name}.json").write_text(json.dumps(values, ensure_ascii=False) + "\n", encoding="utf-8")

    def state(self, keeps: bool = True) -> dict[str, Any]:
        """Return everything that a step changes, on the host: files hold whole host tensors whatever the devices.

        Args:
            keeps: whether this rank wants them; where weights are sharded all ranks call this together.
        """
        parts = {
            "weights": dict(self.stepper.model.state_dict()),
            "average": self.stepper.average,
            "optimizer": self.stepper.optimizer.state_dict(),
        }
        return {"step": self.step, **full_state_dict(parts, keeps)}


def start(config: TrainConfig, folder: pathlib.Path) -> Run:
    """Open a run on the device it names: go on from the newest state in the folder, or begin.

    Started by `torchrun`, every rank opens the same run; they share each step's rows, and the first writes.

    Raises:
        DeviceError: the device is not here, or does not compute in the run's number format.
    """
    torch.set_flush_denormal(True)
    platform = get_platform(config.device, config.dtype)
    rank, _ = collectives.init_ranks(platform)
    library = open_pack(config.pack)
    path = newest_state(folder)
    fresh = path is None
    tokenizer = _tokenizer(config, folder, library, fresh) if rank == 0 else None
    collectives.barrier(platform)
    tokenizer = tokenizer or Tokenizer.load(folder / TOKENIZER)
    if tokenizer.vocab_size > config.model.vocab_size:
        raise CheckpointError(
            f"the texts need {tokenizer.vocab_size} tokens but model.vocab_size is {config.model.vocab_size}; raise it"
        )
    model = Transformer(config.model, seed=config.seed)
    model.compute_dtype = platform.dtype
    select_backends(platform.device, platform.dtype)
    if config.model.visual and config.model.visual.sharing == "frozen_text":
        freeze_text(model)
    if fresh and config.start_from:
        source = pathlib.Path(config.start_from) / WEIGHTS
        load_weights(model, read_weights(source), source)
    if config.shard:
        shard(model, [m for m in model.modules() if isinstance(m, Experts)], platform)
    module_to_device(model, platform.device)
    run = Run(config, folder, Stepper(model, Sampler(library, tokenizer, config.samples), config), tokenizer)
    if path is not None:
        _restore(run, path)
    if rank == 0:
        _describe(config, folder, run.step)
    return run


def freeze_text(model: Transformer) -> None:
    """Leave the text half as it is: only visual parameters learn."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith("visual."))


def _tokenizer(config: TrainConfig, folder: pathlib.Path, library: Any, fresh: bool) -> Tokenizer:
    """Return the run's tokenizer: its own, the one it starts from, or a new one."""
    kept = folder / TOKENIZER
    if not fresh or kept.is_file():
        return Tokenizer.load(kept)
    folder.mkdir(parents=True, exist_ok=True)
    if config.start_from:
        tokenizer = Tokenizer.load(pathlib.Path(config.start_from) / TOKENIZER)
    else:
        texts = sample_texts(library, random.Random(config.seed), VOCABULARY_TEXTS)
        tokenizer = Tokenizer.train(texts, config.model.vocab_size)
    tokenizer.save(kept)
    return tokenizer


def _describe(config: TrainConfig, folder: pathlib.Path, step: int) -> None:
    """Keep the resolved settings beside the run: from the start, and from any step at which they changed."""
    settings = json.dumps(dataclasses.asdict(config), indent=2) + "\n"
    newest = max(folder.glob("config*.json"), default=None, key=lambda p: p.stem)
    if newest is None or newest.read_text(encoding="utf-8") != settings:
        name = f"config-{step:07d}.json" if step else "config.json"
        (folder / name).write_text(settings, encoding="utf-8")


def _restore(run: Run, path: pathlib.Path) -> None:
    """Load a state into a fresh run of the same settings."""
    state, model = load_state(path), run.stepper.model
    try:
        kept = model.state_dict()
        model.load_state_dict({n: distribute_like(t, kept.get(n, t)) for n, t in state["weights"].items()})
        run.stepper.optimizer.load_state_dict(state["optimizer"])
    except (RuntimeError, KeyError, ValueError) as error:
        raise CheckpointError(
            f"the state {path} belongs to another architecture ({error}); use a new folder or the same settings"
        ) from error
    run.stepper.average = {n: distribute_like(t, kept[n]) for n, t in state["average"].items()}
    run.step = int(state["step"])
