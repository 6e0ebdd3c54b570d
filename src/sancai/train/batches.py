"""Batches as a pure function of seed and step, so a resumed run sees what an unbroken one saw."""

import random
from dataclasses import replace

import torch

from sancai.data.dataset import Dataset
from sancai.sequence import Block, pack
from sancai.train.batch import Batch, prepare
from sancai.train.config import TrainConfig
from sancai.train.outer import OuterPatches, find_outer, leave_out
from sancai.train.rows import documents_per_batch, fill_rows

SEED_STRIDE = 1_000_003
TEXT_MULTIPLE = 16
OUTER_STEPS = 8
"""Steps whose frames tell which patches are outer."""


class Batches:
    """The batches of any step of a run, a function of its settings and the step alone."""

    def __init__(self, dataset: Dataset, config: TrainConfig) -> None:
        self.dataset, self.config, self.tasks = dataset, config, config.data.tasks
        self.counts = {
            task: documents_per_batch(dataset, task, share, config.seed) for task, share in config.mixture.items()
        }
        self.outer = self._find_outer()

    def __call__(self, step: int) -> list[Batch]:
        """Return the batches of one step, one a task that is due, without most of their outer patches if so set."""
        batches = self._packed_batches(step)
        if self.outer is None:
            return batches
        generator = torch.Generator().manual_seed(self._seed(step, len(self.config.mixture)))
        return [leave_out(batch, self.outer, generator) for batch in batches]

    def _packed_batches(self, step: int) -> list[Batch]:
        """Return the batches of one step with all patches."""
        due = ((n, task) for n, (task, share) in enumerate(self.config.mixture.items()) if share.is_due(step))
        return [self._batch(step, number, task) for number, task in due]

    def _find_outer(self) -> OuterPatches | None:
        """Return the outer patches of the first steps' frames; None where none are left out."""
        share = self.config.loss.outer_share
        if share >= 1:
            return None
        return find_outer((batch for step in range(OUTER_STEPS) for batch in self._packed_batches(step)), share)

    def _seed(self, step: int, number: int) -> int:
        return ((self.config.seed * SEED_STRIDE + step) * SEED_STRIDE + number) % 2**63

    def _batch(self, step: int, number: int, task: str) -> Batch:
        """Return the batch of one task, the `number`th of the mixture."""
        share, count = self.config.mixture[task], self.counts[task]
        seed = self._seed(step, number)
        documents = self.dataset.documents(task, count, random.Random(seed), step // share.every * count)
        packed = pack(fill_rows(documents, share.rows), text_multiple=TEXT_MULTIPLE)
        batch = prepare(task, self.tasks[task], packed, torch.Generator().manual_seed(seed))
        blocks = [s for document in documents for s in document if isinstance(s, Block) and not s.committed]
        return replace(batch, frames=sum(len(block.times) for block in blocks))
