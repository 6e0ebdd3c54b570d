"""Batches as a pure function of seed and step, so a resumed run sees what an unbroken one saw."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from sancai.data.characters.samples import Sampler
from sancai.device.transfer import to_device
from sancai.flow import corrupt, sample_sigma
from sancai.model import has_next
from sancai.sequence import PackedSequence, pack
from sancai.train.config import TrainConfig

SEED_STRIDE = 1_000_003
TEXT_MULTIPLE = 16
CLIPS = ("video", "animate")


@dataclass(frozen=True)
class Batch:
    """One task's rows of a step.

    packed: noisy columns hold z.  clean: (B, Tn, C) what they should become.  sigma: (B, Tn).
    weight: (B, Tn), for real noisy tokens one over the root of their block's frames: the frames of a clip agree.
    targets: (B, Tt) next-token ids.  learn: (B, Tt) boolean, where they count; it stays on the host.
    """

    task: str
    packed: PackedSequence
    clean: Tensor | None
    sigma: Tensor | None
    weight: Tensor | None
    targets: Tensor
    learn: Tensor

    @property
    def noisy_tokens(self) -> int:
        return 0 if self.weight is None else int((self.weight > 0).sum())

    @property
    def noisy_weight(self) -> float:
        return 0.0 if self.weight is None else float(self.weight.sum())

    @property
    def text_tokens(self) -> int:
        return int(self.learn.sum())

    @property
    def num_rows(self) -> int:
        return self.packed.batch

    def rows(self, part: slice) -> "Batch":
        """Return some of the rows: what one of several ranks learns from."""
        names = [n for n in ("clean", "sigma", "weight", "targets", "learn") if getattr(self, n) is not None]
        taken: dict[str, Any] = {name: getattr(self, name)[part] for name in names}
        return replace(self, packed=self.packed.rows(part), **taken)

    def to(self, device: torch.device) -> "Batch":
        """Move what the network and the losses compute with; facts of the tokens follow in the layout."""
        names = [n for n in ("clean", "sigma", "weight", "targets") if getattr(self, n) is not None]
        moved: dict[str, Any] = {name: to_device(getattr(self, name), device) for name in names}
        return replace(self, packed=self.packed.to(device), **moved)


def batches(sampler: Sampler, config: TrainConfig, step: int) -> Iterator[Batch]:
    """Yield the batches of one step, one a task."""
    for number, (task, share) in enumerate(config.mixture.items()):
        rows = share.rows_at(step)
        if rows:
            seed = (config.seed * SEED_STRIDE + step) * SEED_STRIDE + number
            rng = random.Random(seed)
            generator = torch.Generator().manual_seed(seed % 2**63)
            documents = sampler.documents(task, rows, rng)
            packed = pack([[d] for d in documents], text_multiple=TEXT_MULTIPLE)
            is_clip = task in CLIPS
            yield prepare(task, packed, config.loss.clip_shift if is_clip else config.loss.shift, generator)


def prepare(task: str, packed: PackedSequence, amount: float, generator: torch.Generator) -> Batch:
    """Add noise to the noisy columns and shift the text targets."""
    follows = has_next(packed.text, 1)
    targets = torch.nn.functional.pad(packed.text_ids[:, 1:], (0, 1))
    learn = follows & torch.nn.functional.pad(packed.learn[:, 1:], (0, 1))
    if packed.visual is None or packed.latents is None or packed.visual.shape[1] == packed.num_committed:
        return Batch(task, packed, None, None, None, targets, learn)
    split = packed.num_committed
    copy = packed.visual.copy_id[:, split:].long()
    levels = _levels(copy, amount, generator)
    clean = packed.latents[:, split:]
    noise = torch.randn(clean.shape, generator=generator, device="cpu", dtype=torch.float32)
    z = corrupt(clean, noise, levels[..., None])
    committed = torch.zeros_like(packed.latents[:, :split, 0])
    noised = packed.with_latents(torch.cat([packed.latents[:, :split], z], 1), torch.cat([committed, levels], 1))
    return Batch(task, noised, clean, levels, _weights(copy, packed.frame), targets, learn)


def _weights(copy: Tensor, frame: tuple[int, int]) -> Tensor:
    """Return the weight of each noisy token (B, Tn), 0 for padding."""
    sizes = (copy[:, :, None] == copy[:, None]).sum(-1)
    frames = sizes / (frame[0] * frame[1])
    return (copy > 0) * frames.clamp(min=1).rsqrt()


def _levels(copy: Tensor, amount: float, generator: torch.Generator) -> Tensor:
    """Return one noise level a block copy, (B, Tn), spread evenly over the batch."""
    per_row = int(copy.max()) + 1
    drawn = sample_sigma(copy.shape[0] * per_row, amount, generator)
    order = torch.randperm(len(drawn), generator=generator, device="cpu", dtype=torch.int64)
    shuffled = drawn[order].view(copy.shape[0], per_row)
    return shuffled.gather(1, copy)
