"""Text comes back as it went in, and user text never becomes a control token."""

import json
import pathlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Backend
from tokenizers import models

from builders import clean
from sancai.errors import CheckpointError
from sancai.sequence import Block, Segment, Text
from sancai.tokenizer import Tokenizer, Writer
from sancai.tokenizer.text import RESERVED, SPECIAL

CORPUS = ["a red knight walks left", "12 + 35 = 47", "三彩陶马 是 唐代 的", "the horse is small and blue"] * 20


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(CORPUS, 400)


@pytest.mark.parametrize(
    "words",
    [
        "a red knight", "12 + 35 = 47", "三彩马，唐三彩！", "🐎🏺 emoji 👩‍👩‍👧", "  two  spaces\n\tand tabs ", "",
        "naïve café ﬀ Ω", "<|not a token|> <b>", "\x00\x7f",
    ],
)  # fmt: skip
def test_text_comes_back_exactly(tokenizer: Tokenizer, words: str) -> None:
    assert tokenizer.decode(tokenizer.encode(words)) == words


@given(st.text(max_size=40))
@settings(max_examples=60, deadline=None)
def test_any_text_comes_back_exactly(words: str) -> None:
    tokenizer = any_tokenizer()
    assert tokenizer.decode(tokenizer.encode(words)) == words


def any_tokenizer(kept: list[Tokenizer] = []) -> Tokenizer:  # noqa: B006  (one training for all examples)
    if not kept:
        kept.append(Tokenizer.train(CORPUS, 300))
    return kept[0]


def specials(tokenizer: Tokenizer) -> set[int]:
    return {tokenizer.id_of(token) for token in SPECIAL}


@pytest.mark.parametrize("token", SPECIAL)
def test_a_control_token_written_out_is_not_a_control_token(tokenizer: Tokenizer, token: str) -> None:
    for words in (token, f"a {token} b", token * 3):
        assert not specials(tokenizer) & set(tokenizer.encode(words))


def test_a_control_token_hidden_around_another_is_not_a_control_token(tokenizer: Tokenizer) -> None:
    hidden = [outer[:3] + inner + outer[3:] for outer in SPECIAL for inner in SPECIAL]
    leaks = [words for words in hidden if specials(tokenizer) & set(tokenizer.encode(words))]
    assert not leaks


@given(st.lists(st.sampled_from([p for t in SPECIAL for p in (t, t[:3], t[3:], t[:1], t[1:])]), max_size=6))
@settings(max_examples=60, deadline=None)
def test_no_mixture_of_pieces_makes_a_control_token(parts: list[str]) -> None:
    tokenizer = any_tokenizer()
    assert not specials(tokenizer) & set(tokenizer.encode("".join(parts)))


def test_control_tokens_are_distinct_and_vanish_from_decoded_text(tokenizer: Tokenizer) -> None:
    assert len(specials(tokenizer)) == len(SPECIAL)
    ids = [tokenizer.bos, *tokenizer.encode("a red"), tokenizer.end_think, tokenizer.visual, tokenizer.eos]
    assert tokenizer.decode(ids) == "a red"


def test_digits_stay_single(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("1204703")
    assert [tokenizer.decode([i]) for i in ids] == list("1204703")
    assert len(tokenizer.encode("7" * 30)) == 30


def test_frequent_words_become_single_tokens(tokenizer: Tokenizer) -> None:
    assert len(tokenizer.encode(" knight")) == 1


def test_a_saved_tokenizer_is_the_same(tokenizer: Tokenizer, tmp_path: pathlib.Path) -> None:
    tokenizer.save(tmp_path / "tokenizer.json")
    other = Tokenizer.load(tmp_path / "tokenizer.json")
    assert other.vocab_size == tokenizer.vocab_size
    for words in CORPUS[:4]:
        assert other.encode(words) == tokenizer.encode(words)
    assert specials(other) == specials(tokenizer)


def test_a_missing_tokenizer_is_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(CheckpointError, match="no tokenizer at"):
        Tokenizer.load(tmp_path / "tokenizer.json")


def test_a_damaged_tokenizer_is_named(tokenizer: Tokenizer, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="is not a tokenizer"):
        Tokenizer.load(path)


def test_a_tokenizer_without_control_tokens_is_refused(tmp_path: pathlib.Path) -> None:
    Backend(models.BPE()).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(CheckpointError, match="lacks the control tokens"):
        Tokenizer.load(tmp_path / "tokenizer.json")


# --- conversations --------------------------------------------------------------------------------------


def run(document: list[Segment]) -> Text:
    (only,) = document
    assert isinstance(only, Text)
    return only


def test_a_plain_turn_is_written_as_deepseek_does(tokenizer: Tokenizer) -> None:
    t = tokenizer
    written = run(Writer(t).user(["1 + 1"]).assistant().answer("2").finish())
    expected = [t.bos, t.user, *t.encode("1 + 1"), t.assistant, t.end_think, *t.encode("2"), t.eos]
    assert list(written.ids) == expected
    assert [i for i, learns in zip(written.ids, written.learn, strict=True) if learns] == [*t.encode("2"), t.eos]


def test_a_thinking_turn_learns_its_steps(tokenizer: Tokenizer) -> None:
    t = tokenizer
    written = run(Writer(t).user(["1 + 1"]).assistant(think="one more").answer("2").finish())
    learned = [i for i, learns in zip(written.ids, written.learn, strict=True) if learns]
    assert learned == [*t.encode("one more"), t.end_think, *t.encode("2"), t.eos]
    assert written.ids[list(written.learn).index(True) - 1] == t.think


def test_thinking_can_be_left_open(tokenizer: Tokenizer) -> None:
    assert run(Writer(tokenizer).user(["?"]).assistant(opens_thinking=True).finish()).ids[-1] == tokenizer.think


def test_pictures_stand_between_runs_of_text(tokenizer: Tokenizer, rng: np.random.Generator) -> None:
    picture = clean(rng)
    document = Writer(tokenizer).user(["look ", picture, " well"]).assistant().announce(8).finish()
    assert [type(s) for s in document] == [Text, Block, Text] and document[1] is picture
    assert list(document[2].ids[-2:]) == [tokenizer.visual, *tokenizer.encode("8")]
    assert list(document[2].learn[-2:]) == [True, True]
    assert all(len(s.ids) == len(s.learn) for s in document if isinstance(s, Text))


def test_a_vocabulary_of_deepseek_serves_too_and_its_control_tokens_stay_out_of_text() -> None:
    backend = Backend.from_str(Tokenizer.train(CORPUS, 400)._backend.to_str())
    values = json.loads(backend.to_str())
    for token in values["added_tokens"]:
        token["special"] = False  # as in the released file
        token["content"] = RESERVED.get(token["content"], token["content"])
    values["model"]["vocab"] = {RESERVED.get(t, t): i for t, i in values["model"]["vocab"].items()}
    theirs = Tokenizer(Backend.from_str(json.dumps(values)))
    assert (theirs.visual, theirs.end_visual) == (7, 8)
    for text in ("<｜User｜>", "a red</think>knight", *RESERVED.values()):
        ids = theirs.encode(text)
        assert not set(ids) & set(range(9)) and theirs.decode(ids) == text
