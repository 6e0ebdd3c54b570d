"""The cache: what a later query can still read stays, everything else goes; copies are independent rows."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import Session, clean, noisy, random_model, small_config, text, visual_config
from sancai.model import Cache, Transformer
from sancai.model.cache import drop_stale_entries
from sancai.sequence import PADDING, TokenMeta, pack, sees_tokens


@pytest.fixture(scope="module")
def model() -> Transformer:
    return random_model(small_config(visual=visual_config(local_blocks=1, anchor_blocks=1)))


def test_an_empty_cache_holds_nothing() -> None:
    cache = Cache.empty(small_config(), 3)
    assert cache.batch == 3 and cache.raw.shape == (3, 0) and cache.num_bytes == 0 and cache.layer(0) is None


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
@torch.no_grad()
def test_the_raw_keys_that_stay_are_those_that_a_next_token_or_block_reads(seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = random_model(small_config(num_hidden_layers=1, compress_ratios=(0, 0), num_nextn_predict_layers=1,
                                      visual=visual_config(local_blocks=1, anchor_blocks=1)))  # fmt: skip
    document = [clean(rng) if rng.random() < 0.5 else text(rng, int(rng.integers(1, 12))) for _ in range(5)]
    packed = pack([[document]])
    kept = model(packed, use_cache=True).cache.raw
    everything = TokenMeta.cat([m for m in (packed.text, packed.visual) if m is not None])
    word, block = pack([[[text(rng, 1)]]], packed.cursors).text, pack([[[noisy(rng)]]], packed.cursors).visual
    read = torch.cat([sees_tokens(q, everything, model.config.visibility)[0] for q in (word, block)]).any(0)
    assert sorted(everything.index[0, read].tolist()) == sorted(kept.index[0].tolist())


@torch.no_grad()
def test_open_windows_hold_the_text_that_the_next_entry_pools(model: Transformer, rng: np.random.Generator) -> None:
    cache = model(pack([[[text(rng, 14)]]]), use_cache=True).cache
    assert cache.open_windows[4].offset[0].tolist() == [8, 9, 10, 11, 12, 13], "the window before and the open one"
    assert cache.open_windows[8].offset[0].tolist() == list(range(14)), "8 and its six, and the eight before"
    layers = dict(zip(model.config.compress_ratios, cache.layers, strict=False))
    assert layers[0].entries is None and layers[4].index_keys is not None and layers[8].index_keys is None
    for ratio in (4, 8):
        window = layers[ratio].entries.open_window
        assert window.values.shape[1] == window.gates.shape[1] == cache.open_windows[ratio].shape[1]


@torch.no_grad()
def test_a_block_closes_the_windows_of_text(model: Transformer, rng: np.random.Generator) -> None:
    cache = model(pack([[[text(rng, 6), clean(rng)]]]), use_cache=True).cache
    assert all(w.shape == (1, 0) for w in cache.open_windows.values())


@torch.no_grad()
def test_an_incomplete_entry_goes_when_its_text_goes_on(model: Transformer, rng: np.random.Generator) -> None:
    session = Session(model)
    session.step([[text(rng, 6)]])
    before = session.cache.entries[4]
    assert before.complete[0].tolist() == [1, 0]
    more = pack([[[text(rng, 1)]]], session.cache.cursors).text
    assert drop_stale_entries(before, more).document[0].tolist() == [0, PADDING]
    other = pack([[[clean(rng), text(rng, 1)]]], session.cache.cursors).text
    assert drop_stale_entries(before, other).document[0].tolist() == [0, 0], "another segment pools it no more"
    session.step([[text(rng, 1)]])
    assert session.cache.entries[4].complete[0].tolist() == [1, 0], "seven tokens: one window, and three of the next"
    session.step([[text(rng, 1)]])
    assert session.cache.entries[4].complete[0].tolist() == [1, 1]


@torch.no_grad()
def test_repeated_rows_go_on_as_the_row_itself(model: Transformer, rng: np.random.Generator) -> None:
    cache = model(pack([[[text(rng, 9), clean(rng), text(rng, 5)]]]), use_cache=True).cache
    thrice, more = cache.repeat(3), text(rng, 4)
    assert thrice.batch == 3 and thrice.num_bytes == 3 * cache.num_bytes
    alone = model(pack([[[more]]], cache.cursors), cache).hidden
    together = model(pack([[[more]]] * 3, thrice.cursors), thrice).hidden
    assert torch.allclose(together, alone.expand_as(together), atol=1e-5)


@torch.no_grad()
def test_a_pass_leaves_the_cache_it_reads_as_it_was(model: Transformer, rng: np.random.Generator) -> None:
    cache = model(pack([[[text(rng, 9)]]]), use_cache=True).cache
    before = [t.clone() for layer in cache.layers for t in layer.tensors]
    model(pack([[[text(rng, 5), clean(rng)]]], cache.cursors), cache, use_cache=True)
    assert all(torch.equal(a, b) for a, b in zip(before, [t for la in cache.layers for t in la.tensors], strict=True))
