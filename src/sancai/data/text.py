"""Plain text from a folder of `.txt` and `.jsonl` files: pretraining of the text half.

A document is a `.txt` file or the `text` of one line of a `.jsonl` file.  Long documents are cut, at blanks, into
windows of about the same size, so that every letter lies in exactly one window.  Windows are read from the files when
they are asked for; only where documents begin is kept in memory.  An epoch shows every window once, in an order that
follows from the seed, and the next epoch in another order.
"""

import bisect
import json
import pathlib
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any

import numpy as np

from sancai.codec import PixelCodec
from sancai.data.dataset import DatasetConfig, Task
from sancai.errors import ConfigError, DataError
from sancai.sequence import Document, Text
from sancai.tokenizer import Tokenizer

LONGEST_WORD = 256
"""Bytes in which a cut looks for a blank; without one (Chinese has none) it falls between two letters."""
BLANKS = b" \n\t\r"
TASKS = {"text": Task(mtp=True, indexer=True)}


@dataclass(frozen=True, kw_only=True)
class TextConfig(DatasetConfig):
    """Which folder, and how it is cut and shuffled."""

    folder: str
    """Folder with `.txt` and `.jsonl` files, at any depth."""
    window_bytes: int = 2048
    """Largest part of a document that is read as one, in bytes of UTF-8; about 500 tokens of English."""
    key: str = "text"
    """Which value of a line of `.jsonl` is the text."""
    seed: int = 0
    """Order of the windows."""

    def __post_init__(self) -> None:
        if self.window_bytes < 2 * LONGEST_WORD:
            raise ConfigError(f"window_bytes is {self.window_bytes}; expected at least {2 * LONGEST_WORD}")

    @property
    def tasks(self) -> Mapping[str, Task]:
        """The one task: `text`."""
        return TASKS

    def texts(self, rng: random.Random, count: int) -> Iterator[str]:
        """Yield `count` random windows."""
        corpus = Corpus(self)
        return (corpus.window(rng.randrange(len(corpus))) for _ in range(count))

    def open(self, tokenizer: Tokenizer, codec: PixelCodec | None = None) -> "PlainText":
        """Look where documents begin."""
        return PlainText(Corpus(self), tokenizer)


class PlainText:
    """Windows of a corpus as documents: one each, every token learned."""

    metadata: Mapping[str, Any] = {}

    def __init__(self, corpus: "Corpus", tokenizer: Tokenizer) -> None:
        self.corpus, self.tokenizer = corpus, tokenizer

    def documents(self, task: str, count: int, rng: random.Random, first: int = 0) -> list[Document]:
        """Return the windows from number `first` of the shuffled order."""
        return [self._document(number) for number in range(first, first + count)]

    def _document(self, number: int) -> Document:
        epoch, place = divmod(number, len(self.corpus))
        ids = self.tokenizer.encode(self.corpus.window(int(self.corpus.order(epoch)[place])))
        ids = [self.tokenizer.bos, *ids, self.tokenizer.eos]
        return [Text(ids=ids, learn=[False] + [True] * (len(ids) - 1))]


class Corpus:
    """The windows of all files of a folder, by number.

    Raises:
        DataError: there is no text.
    """

    def __init__(self, config: TextConfig) -> None:
        self.config = config
        folder = pathlib.Path(config.folder)
        self.files = sorted(p for p in folder.rglob("*") if p.suffix in (".txt", ".jsonl") and p.is_file())
        starts, sizes, owners = [], [], []
        for number, path in enumerate(self.files):
            for start, size in _documents(path):
                starts.append(start)
                sizes.append(size)
                owners.append(number)
        if not starts:
            raise DataError(f"no text in {folder}: expected .txt or .jsonl files that are not empty")
        self.starts, self.sizes, self.owners = (np.array(v, np.int64) for v in (starts, sizes, owners))
        self.ends = list(accumulate((-(-self.sizes // config.window_bytes)).tolist()))
        """How many windows all documents up to each have."""
        self.order = lru_cache(maxsize=2)(self._order)

    def __len__(self) -> int:
        return self.ends[-1]

    def _order(self, epoch: int) -> np.ndarray:
        """Return the windows in the order of an epoch."""
        return np.random.default_rng((self.config.seed, epoch)).permutation(len(self))

    def window(self, number: int) -> str:
        """Return the text of one window."""
        at = bisect.bisect_right(self.ends, number)
        before = self.ends[at - 1] if at else 0
        part, parts = number - before, self.ends[at] - before
        path = self.files[self.owners[at]]
        start, size = int(self.starts[at]), int(self.sizes[at])
        if path.suffix == ".txt":
            return _cut(_Bytes(path, start, size), part, parts).decode("utf-8", "replace")
        with path.open("rb") as file:
            file.seek(start)
            text = _text_of(file.read(size), self.config.key, path).encode()
        return _cut(text, part, parts).decode()


class _Bytes:
    """Part of a file, read where it is sliced."""

    def __init__(self, path: pathlib.Path, start: int, size: int) -> None:
        self.path, self.start, self.size = path, start, size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, part: slice) -> bytes:
        first, last, _ = part.indices(self.size)
        with self.path.open("rb") as file:
            file.seek(self.start + first)
            return file.read(max(last - first, 0))


def _documents(path: pathlib.Path) -> Iterator[tuple[int, int]]:
    """Yield the first byte and the size of every document of a file."""
    if path.suffix == ".txt":
        size = path.stat().st_size
        yield from [(0, size)] if size else []
        return
    start = 0
    with path.open("rb") as file:
        for line in file:
            if line.strip():
                yield start, len(line)
            start += len(line)


def _text_of(line: bytes, key: str, path: pathlib.Path) -> str:
    """Return the text of a line of JSON."""
    try:
        text = json.loads(line)[key]
    except (ValueError, KeyError, TypeError) as error:
        shown = line[:60].decode("utf-8", "replace")
        raise DataError(f'{path} has a line that is not {{"{key}": "…"}} ({error!r}): {shown}') from error
    if not isinstance(text, str):
        raise DataError(f"{path} has a line whose {key!r} is {type(text).__name__}; expected a string")
    return text


def _cut(text: bytes | _Bytes, part: int, parts: int) -> bytes:
    """Return one of `parts` about equal parts of UTF-8 text."""
    return text[_border(text, part, parts) : _border(text, part + 1, parts)]


def _border(text: bytes | _Bytes, part: int, parts: int) -> int:
    """Return where a part begins: after the first blank from its even share on, or between two letters."""
    if part in (0, parts):
        return 0 if part == 0 else len(text)
    even = len(text) * part // parts
    near = text[even : even + LONGEST_WORD]
    blanks = [i for i in map(near.find, (BLANKS[n : n + 1] for n in range(len(BLANKS)))) if i >= 0]
    if blanks:
        return even + min(blanks) + 1
    return even + next((n for n, byte in enumerate(near) if byte & 0xC0 != 0x80), len(near))
