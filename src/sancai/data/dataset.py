"""The seam between data and training: what a data set has to offer, and what each of its tasks trains.

A recipe names a `DatasetConfig`: settings that know the tasks, give texts for the vocabulary, and open the data.  What
they open is a `Dataset`, which makes documents.  Training asks for nothing else, so a new domain is one file with
these two classes and a recipe:

    @dataclass(frozen=True, kw_only=True)
    class SquaresConfig(DatasetConfig):
        tasks = MappingProxyType({"square": Task(shift=3.0)})
        def texts(self, rng, count): ...
        def open(self, tokenizer, codec=None): return Squares(self, tokenizer)
"""

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sancai.codec import PixelCodec
from sancai.sequence import Document
from sancai.tokenizer import Tokenizer


@dataclass(frozen=True, kw_only=True)
class Task:
    """Which losses the documents of one task train."""

    text: bool = True
    """Next-token prediction, where a document marks tokens to learn."""
    mtp: bool = False
    """Prediction of the token after the next."""
    indexer: bool = False
    """The indexers of sparse attention learn to find what attention reads."""
    shift: float | None = None
    """Flow matching of noisy blocks, with noise levels shifted so far towards noise (1: not at all, see `flow.shift`);
    None where documents hold none."""


class Dataset(Protocol):
    """Opened data."""

    @property
    def metadata(self) -> Mapping[str, Callable[[], Any]]:
        """Files for people and programs that belong into the model folder: name → what makes their JSON value."""

    def documents(self, task: str, count: int, rng: random.Random, first: int = 0) -> list[Document]:
        """Return `count` documents of a task, a function of the arguments alone.

        Args:
            rng: all randomness; it is seeded by the run, the step and the task.
            first: how many documents of this task earlier steps had; a corpus with an order goes on from there.
        """


@dataclass(frozen=True, kw_only=True)
class DatasetConfig:
    """Settings of a data set; each data set derives its own.  Only `open` and `texts` may read files."""

    @property
    def tasks(self) -> Mapping[str, Task]:
        """What a document can be about, by name."""
        raise NotImplementedError

    def texts(self, rng: random.Random, count: int) -> Iterable[str]:
        """Return about `count` texts to learn a vocabulary from, of every kind that documents hold."""
        raise NotImplementedError

    def open(self, tokenizer: Tokenizer, codec: PixelCodec | None = None) -> Dataset:
        """Open the data; documents are written with the tokenizer, their pictures with the model's codec.

        Args:
            codec: None for models without a visual half, which are given documents of text alone.

        Raises:
            DataError: the data is missing or damaged.
        """
        raise NotImplementedError
