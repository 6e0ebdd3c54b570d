"""Batches as a pure function of seed and step, so a resumed run sees what an unbroken one saw."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from sancai.data.dataset import Task
from sancai.device.transfer import to_device
from sancai.errors import ConfigError
from sancai.flow import corrupt, sample_sigma
from sancai.model import has_next
from sancai.sequence import PackedSequence


@dataclass(frozen=True)
class Batch:
    """One task's rows of a step.

    name: of the task.  task: what it trains.
    packed: noisy columns hold z.  clean: (B, Tn, C) what they should become.  sigma: (B, Tn).
    weight: (B, Tn), 1/√(frames in the block) for real noisy tokens, 0 for padding; frames of a clip are correlated.
    targets: (B, Tt) next-token ids.  learn: (B, Tt) boolean, where they count; it stays on the host.
    frames: of all noisy blocks.
    """

    name: str
    task: Task
    packed: PackedSequence
    clean: Tensor | None
    sigma: Tensor | None
    weight: Tensor | None
    targets: Tensor
    learn: Tensor
    frames: int = 0

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


def prepare(name: str, task: Task, packed: PackedSequence, generator: torch.Generator) -> Batch:
    """Add noise to the noisy columns and shift the text targets.

    Raises:
        ConfigError: there are noisy blocks, and the task says nothing of noise levels.
    """
    follows = has_next(packed.text, 1)
    targets = torch.nn.functional.pad(packed.text_ids[:, 1:], (0, 1))
    learn = follows & torch.nn.functional.pad(packed.learn[:, 1:], (0, 1)) & task.text
    if packed.visual is None or packed.latents is None or packed.visual.shape[1] == packed.num_committed:
        return Batch(name, task, packed, None, None, None, targets, learn)
    if task.shift is None:
        raise ConfigError(f"documents of {name} hold noisy blocks; give its Task the shift of their noise levels")
    split = packed.num_committed
    copy = packed.visual.copy_id[:, split:].long()
    levels = _levels(copy, task.shift, generator)
    clean = packed.latents[:, split:]
    noise = torch.randn(clean.shape, generator=generator, device="cpu", dtype=torch.float32)
    z = corrupt(clean, noise, levels[..., None])
    committed = torch.zeros_like(packed.latents[:, :split, 0])
    noised = packed.with_latents(torch.cat([packed.latents[:, :split], z], 1), torch.cat([committed, levels], 1))
    return Batch(name, task, noised, clean, levels, _weights(copy, packed.frame), targets, learn)


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
