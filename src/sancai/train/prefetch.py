"""One thread that prepares the next step's batches while a step computes."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from types import TracebackType

import torch

from sancai.train.batch import Batch

Source = Callable[[int], list[Batch]]


class Prefetcher:
    """Gives what a source of batches gives, one step ahead; an error comes with the traceback of the thread.

    Used as a context: leaving it waits for the thread.
    """

    def __init__(self, source: Source, last: int) -> None:
        self.source, self.last = source, last
        flush = partial(torch.set_flush_denormal, True)  # a setting of each thread, and results must not differ
        self._pool = ThreadPoolExecutor(1, "batches", flush)
        self._ahead: dict[int, Future[list[Batch]]] = {}

    def __call__(self, step: int) -> list[Batch]:
        """Return the batches of a step, and begin with those of the next one, if it comes before `last`."""
        ready = self._ahead.pop(step, None)
        batches = ready.result() if ready is not None else self.source(step)
        self._ahead.clear()
        if step + 1 < self.last:
            self._ahead[step + 1] = self._pool.submit(self.source, step + 1)
        return batches

    def __enter__(self) -> "Prefetcher":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
