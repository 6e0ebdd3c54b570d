"""The training loop: steps, metrics, ledger, states; stops cleanly and resumes exactly."""

import contextlib
import json
import pathlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import torch

from sancai.checkpoint import newest_state, save_model, save_state
from sancai.device import collectives
from sancai.device.matmul_limit import matmul_limit
from sancai.device.platform import get_platform
from sancai.device.sharding import full_state_dict
from sancai.device.transfer import to_device, to_host
from sancai.errors import CapacityError
from sancai.files import is_disk_full
from sancai.telemetry import MetricsFile
from sancai.tokenizer import Tokenizer
from sancai.train.config import TrainConfig
from sancai.train.ledger import Ledger
from sancai.train.lock import locked
from sancai.train.prefetch import Prefetcher
from sancai.train.trainer import Trainer

Report = dict[str, float]


class Callback(Protocol):
    """Called after every step, on every rank: weights may have to be gathered for what it does."""

    def __call__(self, step: int, report: Report, run: "Run") -> None: ...


@dataclass
class Run:
    """One training run in one folder.

    step: steps done.  limit: FLOPs a second of large matrix products of all ranks, once measured.
    """

    config: TrainConfig
    folder: pathlib.Path
    trainer: Trainer
    tokenizer: Tokenizer
    step: int = 0
    ledger: Ledger = field(default_factory=Ledger)
    limit: float | None = None

    def train(
        self, callbacks: Sequence[Callback] = (), until: int | None = None, stop: Callable[[], bool] = lambda: False
    ) -> None:
        """Run to the end (or `until`); an interruption saves the state first, where this rank can do it alone.

        Args:
            callbacks: called in this order after every step, on every rank.
            until: step to stop at.
            stop: asked after every step; True saves and returns.

        Raises:
            CheckpointError: another process trains in this folder.
            CapacityError: the disk is full, or gradients are not finite.
        """
        last = min(until or self.config.steps, self.config.steps)
        if self.step >= last:
            return
        is_rank_zero = collectives.is_rank_zero()
        with locked(self.folder) if is_rank_zero else contextlib.nullcontext(), self._disk_errors():
            metrics = MetricsFile(self.folder / "metrics.jsonl", self.step) if is_rank_zero else None
            self._measure_limit()
            with self._prefetching(last):
                self._steps(last, callbacks, metrics, stop)

    def _steps(
        self, last: int, callbacks: Sequence[Callback], metrics: MetricsFile | None, stop: Callable[[], bool]
    ) -> None:
        dirty = False  # True while the last completed step is not in a state
        try:
            while self.step < last and not self._any_rank(stop()):
                started = time.monotonic()
                dirty = False  # nothing may be saved from the middle of a step
                report = self.trainer.step(self.step)
                report["seconds"] = time.monotonic() - started
                self.ledger.add(report)
                if metrics:
                    metrics.write(self.step, {k: round(v, 6) for k, v in report.items()})
                self.step += 1
                dirty = True
                for callback in callbacks:
                    callback(self.step, report, self)
                if self.step % self.config.save_every == 0:
                    self.save()
                    dirty = False
        except BaseException as error:
            # saving sharded weights is a collective: other ranks may have exited, so it could wait for ever
            if dirty and not self.config.shard and not is_disk_full(error):
                self.save()
            raise
        if dirty:
            self.save()

    def _any_rank(self, wish: bool) -> bool:
        """Return whether any rank wishes to stop, so that all stop after the same step."""
        if collectives.world_size() == 1:
            return wish
        wishes = torch.full((1,), float(wish), dtype=torch.float32, device="cpu")
        return bool(to_host(collectives.all_reduce(to_device(wishes, self.trainer.model.device))) > 0)

    def _measure_limit(self) -> None:
        """Measure what the machine can do at most, once."""
        if self.config.measure_limit and self.limit is None:
            self.limit = matmul_limit(get_platform(self.config.device, self.config.dtype)) * collectives.world_size()

    @contextlib.contextmanager
    def _prefetching(self, last: int) -> Iterator[None]:
        """Let a thread prepare the batches of the next step, if the config wants it."""
        source = self.trainer.batches
        with Prefetcher(source, last) if self.config.prefetch else contextlib.nullcontext(source) as batches:
            self.trainer.batches = batches
            try:
                yield
            finally:
                self.trainer.batches = source

    @contextlib.contextmanager
    def _disk_errors(self) -> Iterator[None]:
        """Say clearly what is kept when the disk is full."""
        try:
            yield
        except Exception as error:
            if not is_disk_full(error):
                raise
            newest = newest_state(self.folder)
            raise CapacityError(
                f"no room is left on the disk of {self.folder} at step {self.step}; the newest whole state is "
                f"{newest.name if newest else 'none'}: free some room, and the same command goes on from there"
            ) from error

    def save(self) -> None:
        """Write the training state, the averaged model and the ledger; of several ranks the first does.

        Where weights are sharded all ranks must save together.
        """
        is_rank_zero = collectives.is_rank_zero()
        state = self.state(keeps=is_rank_zero)
        if not is_rank_zero:
            return
        save_state(self.folder, self.step, state)
        save_model(self.folder / "model", self.config.model, state["ema"], self.tokenizer)
        self.save_metadata()
        self.ledger.save(self.folder, limit=self.limit, price_per_hour=self.config.price_per_hour)

    def save_metadata(self) -> pathlib.Path:
        """Write what the data set tells about itself into the model folder, where it is missing; return the folder."""
        folder = self.folder / "model"
        folder.mkdir(parents=True, exist_ok=True)
        for name, make in self.trainer.dataset.metadata.items():
            if not (folder / name).is_file():
                (folder / name).write_text(json.dumps(make(), ensure_ascii=False) + "\n", encoding="utf-8")
        return folder

    def state(self, keeps: bool = True) -> dict[str, Any]:
        """Return everything that a step changes, on the host: files hold whole host tensors whatever the devices.

        Args:
            keeps: whether this rank wants them; where weights are sharded all ranks call this together.
        """
        parts = {
            "weights": dict(self.trainer.model.state_dict()),
            "ema": self.trainer.ema,
            "optimizer": self.trainer.optimizer.state_dict(),
        }
        return {"step": self.step, "ledger": asdict(self.ledger), **full_state_dict(parts, keeps)}
