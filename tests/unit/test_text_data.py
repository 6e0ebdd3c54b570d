"""Plain text from a folder: every letter once an epoch, in an order that follows from the seed."""

import json
import pathlib
import random

import pytest

from sancai.data.text import Corpus, TextConfig
from sancai.errors import ConfigError, DataError
from sancai.sequence import Text
from sancai.tokenizer import Tokenizer

WORDS = "the quick brown fox jumps over the lazy dog while seven wizards study twelve dusty books in winter".split()


def prose(count: int, seed: int) -> str:
    rng = random.Random(seed)
    return " ".join(rng.choice(WORDS) for _ in range(count))


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "long.txt").write_text(prose(2000, 1), encoding="utf-8")
    (tmp_path / "empty.txt").write_text("", encoding="utf-8")
    (tmp_path / "more").mkdir()
    lines = [{"text": prose(n, n)} for n in (5, 40, 900)] + [{"text": "三彩陶俑" * 400}]
    text = "\n\n".join(json.dumps(line, ensure_ascii=n % 2 == 0) for n, line in enumerate(lines))
    (tmp_path / "more" / "short.jsonl").write_text(text, encoding="utf-8")
    (tmp_path / "notes.md").write_text("not a text of ours", encoding="utf-8")
    return tmp_path


def config(folder: pathlib.Path, **changes: object) -> TextConfig:
    return TextConfig(**{"folder": str(folder), "window_bytes": 600} | changes)


def test_windows_put_together_are_the_documents(folder: pathlib.Path) -> None:
    corpus = Corpus(config(folder))
    whole = "".join(map(corpus.window, range(len(corpus))))
    lines = (folder / "more" / "short.jsonl").read_text(encoding="utf-8").split("\n\n")
    expected = (folder / "long.txt").read_text(encoding="utf-8") + "".join(json.loads(line)["text"] for line in lines)
    assert whole == expected
    sizes = [len(corpus.window(n).encode()) for n in range(len(corpus))]
    assert max(sizes) <= 600 + 256 and len(corpus) > 20


def test_a_window_ends_at_a_blank_where_there_is_one(folder: pathlib.Path) -> None:
    corpus = Corpus(config(folder))
    windows = [corpus.window(n) for n in range(5)]
    assert all(set(window.split()) <= set(WORDS) for window in windows)


def test_an_epoch_shows_every_window_once_and_the_next_in_another_order(folder: pathlib.Path) -> None:
    corpus = Corpus(config(folder))
    first, second = corpus.order(0).tolist(), corpus.order(1).tolist()
    assert sorted(first) == sorted(second) == list(range(len(corpus)))
    assert first != second and first != sorted(first)
    assert Corpus(config(folder)).order(0).tolist() == first
    assert Corpus(config(folder, seed=1)).order(0).tolist() != first


def test_documents_go_on_from_their_number(folder: pathlib.Path) -> None:
    tokenizer = Tokenizer.train([prose(100, 0)], 400)
    data = config(folder).open(tokenizer)
    count = len(data.corpus)

    def words(first: int, number: int) -> list[str]:
        documents = data.documents("text", number, random.Random(0), first)
        return [tokenizer.decode(segment.ids) for d in documents for segment in d if isinstance(segment, Text)]

    assert words(0, 7) == words(0, 3) + words(3, 4)
    assert sorted(words(0, count)) == sorted(map(data.corpus.window, range(count)))
    assert words(count - 1, 2)[1] == data.corpus.window(int(data.corpus.order(1)[0])), "then the next epoch"


def test_every_token_but_the_first_is_learned(folder: pathlib.Path) -> None:
    tokenizer = Tokenizer.train([prose(100, 0)], 400)
    [[segment]] = config(folder).open(tokenizer).documents("text", 1, random.Random(0))
    assert isinstance(segment, Text)
    assert segment.ids[0] == tokenizer.bos and segment.ids[-1] == tokenizer.eos
    assert list(segment.learn) == [False] + [True] * (len(segment.ids) - 1)


def test_folders_without_text_and_damaged_lines_are_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(DataError, match="no text in"):
        Corpus(config(tmp_path))
    (tmp_path / "bad.jsonl").write_text('{"title": "no text"}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"bad\.jsonl has a line that is not"):
        Corpus(config(tmp_path)).window(0)
    (tmp_path / "bad.jsonl").write_text('{"text": 3}\n', encoding="utf-8")
    with pytest.raises(DataError, match="expected a string"):
        Corpus(config(tmp_path)).window(0)
    with pytest.raises(ConfigError, match="window_bytes is 10"):
        config(tmp_path, window_bytes=10)
