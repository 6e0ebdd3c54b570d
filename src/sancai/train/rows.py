"""Rows of a batch: whole documents, distributed so that rows are about equally long and little is padding."""

import random
from collections.abc import Sequence

from sancai.data.dataset import Dataset
from sancai.sequence import Document, Text
from sancai.train.config import Share

PROBES = 64
"""Documents whose mean length says how many fill a row."""


def num_tokens(document: Document) -> int:
    """Return the text and visual tokens of a document."""
    return sum(len(s.ids) if isinstance(s, Text) else s.num_tokens for s in document)


def documents_per_batch(dataset: Dataset, task: str, share: Share, seed: int) -> int:
    """Return how many documents a batch holds: one a row, or as many a row as fill the token budget on average.

    The number is fixed for a run, so that any step knows which documents earlier steps had.
    """
    if share.tokens is None:
        return share.rows
    probes = dataset.documents(task, PROBES, random.Random(seed))
    mean = sum(map(num_tokens, probes)) / max(len(probes), 1)
    return share.rows * max(1, round(share.tokens / max(mean, 1.0)))


def fill_rows(documents: Sequence[Document], count: int) -> list[list[Document]]:
    """Return the documents in `count` rows: the longest first, each into the row that is shortest so far."""
    if len(documents) <= count:
        return [[document] for document in documents]
    rows: list[list[int]] = [[] for _ in range(count)]
    filled = [0] * count
    lengths = [num_tokens(document) for document in documents]
    for number in sorted(range(len(documents)), key=lambda n: -lengths[n]):
        shortest = min(range(count), key=filled.__getitem__)
        rows[shortest].append(number)
        filled[shortest] += lengths[number]
    return [[documents[number] for number in sorted(row)] for row in rows]
