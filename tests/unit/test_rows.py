"""Rows are filled with whole documents, evenly, and as often as the budget says."""

import random
from typing import ClassVar

import pytest

from sancai.errors import ConfigError
from sancai.sequence import Document, Text
from sancai.train import Share
from sancai.train.rows import PROBES, documents_per_batch, fill_rows, num_tokens


def document(length: int) -> Document:
    return [Text(ids=[1] * length)]


class Lengths:
    """A data set whose documents have 10 to 49 tokens."""

    metadata: ClassVar[dict] = {}

    def documents(self, task: str, count: int, rng: random.Random, first: int = 0) -> list[Document]:
        return [document(rng.randrange(10, 50)) for _ in range(count)]


def test_every_document_is_in_one_row_and_rows_are_about_equally_long() -> None:
    documents = Lengths().documents("any", 96, random.Random(3))
    rows = fill_rows(documents, 8)
    assert sorted(id(d) for row in rows for d in row) == sorted(map(id, documents))
    lengths = [sum(map(num_tokens, row)) for row in rows]
    assert max(lengths) - min(lengths) < 10


def test_rows_of_one_document_keep_their_order() -> None:
    documents = [document(n) for n in (3, 9, 1)]
    assert fill_rows(documents, 3) == [[d] for d in documents]


def test_a_budget_fills_rows_on_average() -> None:
    count = documents_per_batch(Lengths(), "any", Share(8, tokens=300), seed=1)
    mean = sum(map(num_tokens, Lengths().documents("any", PROBES, random.Random(1)))) / PROBES
    assert count == 8 * round(300 / mean)
    assert documents_per_batch(Lengths(), "any", Share(8), seed=1) == 8
    assert documents_per_batch(Lengths(), "any", Share(8, tokens=5), seed=1) == 8, "a row holds at least one document"


def test_a_share_without_sense_is_refused() -> None:
    with pytest.raises(ConfigError, match="token budget is 0"):
        Share(1, tokens=0)
    with pytest.raises(ConfigError, match="0 ≤ offset < every"):
        Share(1, 2, 2)
