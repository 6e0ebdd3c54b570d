"""Opening a run: its device, tokenizer, model and data; from nothing, from another model, or from its newest state."""

import dataclasses
import json
import pathlib
import random

import torch

from sancai.checkpoint import (
    TOKENIZER,
    WEIGHTS,
    load_state,
    load_weights,
    newest_state,
    read_config,
    read_weights,
)
from sancai.codec import PixelCodec
from sancai.device import collectives
from sancai.device.platform import get_platform
from sancai.device.sharding import distribute_like, shard
from sancai.device.transfer import module_to_device
from sancai.errors import CheckpointError
from sancai.model import Transformer
from sancai.model.moe import Experts
from sancai.ops.selection import select_backends
from sancai.tokenizer import Tokenizer
from sancai.train.config import TrainConfig
from sancai.train.ledger import Ledger
from sancai.train.lock import check_unlocked
from sancai.train.loop import Run
from sancai.train.trainer import Trainer

VOCABULARY_TEXTS = 6000


def start(config: TrainConfig, folder: pathlib.Path) -> Run:
    """Open a run on the device it names: go on from the newest state in the folder, or begin.

    Started by `torchrun`, every rank opens the same run; they share each step's rows, and the first writes.

    Raises:
        DeviceError: the device is not here, or does not compute in the run's number format.
        CheckpointError: another process trains in the folder, or what lies there does not fit.
    """
    torch.set_flush_denormal(True)
    platform = get_platform(config.device, config.dtype)
    rank, _ = collectives.init_ranks(platform)
    if rank == 0:
        check_unlocked(folder)
    path = newest_state(folder)
    tokenizer = _tokenizer(config, folder, is_new=path is None) if rank == 0 else None
    collectives.barrier(platform)
    tokenizer = tokenizer or Tokenizer.load(folder / TOKENIZER)
    if tokenizer.vocab_size > config.model.vocab_size:
        raise CheckpointError(
            f"the texts need {tokenizer.vocab_size} tokens but model.vocab_size is {config.model.vocab_size}; raise it"
        )
    model = _model(config, is_new=path is None)
    model.compute_dtype = platform.dtype
    select_backends(platform.device, platform.dtype)
    if config.model.visual and config.model.visual.sharing == "frozen_text":
        freeze_text(model)
    if config.shard:
        shard(model, [m for m in model.modules() if isinstance(m, Experts)], platform)
    module_to_device(model, platform.device)
    codec = PixelCodec(config.model.visual.pixel_shuffle) if config.model.visual else None
    run = Run(config, folder, Trainer(model, config.data.open(tokenizer, codec), config), tokenizer)
    if path is not None:
        _restore(run, path)
    if rank == 0:
        _describe(config, folder, run.step)
    return run


def freeze_text(model: Transformer) -> None:
    """Leave the text half as it is: only visual parameters learn."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith("visual."))


def _model(config: TrainConfig, is_new: bool) -> Transformer:
    """Return a fresh model or, for a new run that starts from another, that one's averaged weights."""
    if not (is_new and config.start_from):
        return Transformer(config.model, seed=config.seed)
    source = pathlib.Path(config.start_from)
    earlier = read_config(source / "model" if newest_state(source) else source)
    attaches = earlier.visual is None and config.model.visual is not None
    model = Transformer(dataclasses.replace(config.model, visual=None) if attaches else config.model, seed=config.seed)
    load_weights(model, *_averaged(source))
    if attaches and config.model.visual:
        model.attach_visual(config.model.visual, seed=config.seed)
    return model


def _averaged(source: pathlib.Path) -> tuple[dict[str, torch.Tensor], pathlib.Path]:
    """Return the averaged weights of a run's folder in fp32, or the weights of a model folder, and their file."""
    path = newest_state(source)
    if path is not None:
        return _ema(load_state(path)), path
    return read_weights(source / WEIGHTS), source / WEIGHTS


def _ema(state: dict[str, dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Return the averaged weights of a state; version 0.1 called them differently."""
    return state["ema"] if "ema" in state else state["average"]


def _tokenizer(config: TrainConfig, folder: pathlib.Path, is_new: bool) -> Tokenizer:
    """Return the run's tokenizer: its own, the one it starts from, or a new one."""
    kept = folder / TOKENIZER
    if not is_new or kept.is_file():
        return Tokenizer.load(kept)
    folder.mkdir(parents=True, exist_ok=True)
    if config.start_from:
        tokenizer = Tokenizer.load(pathlib.Path(config.start_from) / TOKENIZER)
    else:
        tokenizer = Tokenizer.train(
            config.data.texts(random.Random(config.seed), VOCABULARY_TEXTS), config.model.vocab_size
        )
    tokenizer.save(kept)
    return tokenizer


def _describe(config: TrainConfig, folder: pathlib.Path, step: int) -> None:
    """Keep the resolved settings beside the run: from the start, and from any step at which they changed."""
    data = {"dataset": type(config.data).__qualname__, **dataclasses.asdict(config.data)}
    settings = json.dumps({**dataclasses.asdict(config), "data": data}, indent=2) + "\n"
    newest = max(folder.glob("config*.json"), default=None, key=lambda p: p.stem)
    if newest is None or newest.read_text(encoding="utf-8") != settings:
        name = f"config-{step:07d}.json" if step else "config.json"
        (folder / name).write_text(settings, encoding="utf-8")


def _restore(run: Run, path: pathlib.Path) -> None:
    """Load a state into a fresh run of the same settings."""
    state, model = load_state(path), run.trainer.model
    try:
        kept = model.state_dict()
        model.load_state_dict({n: distribute_like(t, kept.get(n, t)) for n, t in state["weights"].items()})
        run.trainer.optimizer.load_state_dict(state["optimizer"])
    except (RuntimeError, KeyError, ValueError) as error:
        raise CheckpointError(
            f"the state {path} belongs to another architecture ({error}); use a new folder or the same settings"
        ) from error
    run.trainer.ema = {n: distribute_like(t, kept[n]) for n, t in _ema(state).items()}
    run.step = int(state["step"])
    run.ledger = Ledger(**state.get("ledger", {}))
