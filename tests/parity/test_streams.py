"""Committed and noisy streams keep their promises (design 2.12): causality, packing, cache, guidance."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from builders import (
    Session,
    cache_tensors,
    clean,
    largest,
    latents,
    noisy,
    random_model,
    replaced,
    replay,
    small_config,
    text,
    visual_config,
)
from sancai.model import ModelConfig, Transformer
from sancai.ops.rope import YarnScaling, angles, frequencies, rotate
from sancai.sequence import Block, PackedSequence, Segment, Text, pack

SHARINGS = ("mot", "experts", "full", "frozen_text")
Rows = list[list[list[Segment]]]


@pytest.fixture(scope="module")
def double() -> Transformer:
    return random_model(small_config(), seed=1, dtype=torch.float64)


@pytest.fixture(scope="module")
def single() -> Transformer:
    return random_model(small_config(), seed=1)


def story(rng: np.random.Generator, frame: tuple[int, int] = (3, 3)) -> list[Segment]:
    """Return a document with odd lengths, partial windows, two noisy copies of each block, and late text."""
    return [
        text(rng, 11), noisy(rng, 1, 0.9, frame), noisy(rng, 1, 0.2, frame), clean(rng, 1, frame),
        text(rng, 6), clean(rng, 1, frame),
        noisy(rng, 2, 0.5, frame), noisy(rng, 2, 1.0, frame), clean(rng, 2, frame), text(rng, 13),
    ]  # fmt: skip


def mark(segments: list[Segment]) -> tuple[list[int], list[int]]:
    """Return the lengths of texts and of noisy blocks in order."""
    texts = [len(s.ids) for s in segments if isinstance(s, Text)]
    return texts, [s.num_tokens for s in segments if isinstance(s, Block) and not s.committed]


# --- rotary positions -------------------------------------------------------------------------------


@pytest.mark.parametrize(("theta", "yarn"), [(10000.0, None), (160000.0, YarnScaling())])
@pytest.mark.parametrize("dim", [8, 64])
def test_equal_axes_turn_bitwise_like_one_axis(theta: float, yarn: YarnScaling | None, dim: int) -> None:
    turn = frequencies(dim, theta, yarn)
    place = torch.cat([torch.arange(300), torch.tensor([65535, 65536, 1048575])]).float()
    cos, sin = angles(torch.stack([place] * 3, -1), turn)
    one_axis = place[:, None] * turn
    assert torch.equal(cos, one_axis.cos()) and torch.equal(sin, one_axis.sin())
    x = torch.randn(len(place), dim + 24)
    assert torch.equal(rotate(x, cos, sin), rotate(x, one_axis.cos(), one_axis.sin()))


def test_every_axis_turns_some_pair_and_only_its_own() -> None:
    turn = frequencies(16, 10000.0, None)
    moved = []
    for axis in range(3):
        place = torch.zeros(1, 3)
        place[0, axis] = 1.0
        moved.append(angles(place, turn)[1][0] != 0)
    assert torch.stack(moved).sum(0).tolist() == [1] * 8
    assert [int(m.sum()) for m in moved] == [4, 2, 2]


# --- noise is read by nothing ------------------------------------------------------------------------


@torch.no_grad()
def test_replacing_noise_leaves_the_committed_stream_bitwise(single: Transformer, rng: np.random.Generator) -> None:
    document = story(rng)
    before = single(pack([[document]]), use_cache=True)
    other = [replaced(s, rng) if isinstance(s, Block) and not s.committed else s for s in document]
    after = single(pack([[other]]), use_cache=True)
    assert torch.equal(before.hidden, after.hidden)
    pairs = zip(cache_tensors(before.cache), cache_tensors(after.cache), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert largest(before.prediction - after.prediction) > 1e-3


@torch.no_grad()
def test_noise_levels_leave_the_committed_stream_bitwise(single: Transformer, rng: np.random.Generator) -> None:
    document = story(rng)
    other = [replace(s, sigma=0.05) if isinstance(s, Block) and not s.committed else s for s in document]
    before, after = single(pack([[document]])), single(pack([[other]]))
    assert torch.equal(before.hidden, after.hidden)
    assert largest(before.prediction - after.prediction) > 1e-3


def latent_gradient(model: Transformer, packed: PackedSequence, part: str, columns: slice) -> Tensor:
    """Return the size of the gradient at each visual column of a weighted sum of an output's columns."""
    entry = packed.latents.clone().requires_grad_()
    out = getattr(model(packed.with_latents(entry, packed.sigma)), part)[:, columns]
    weight = torch.randn(out.shape, dtype=out.dtype, generator=torch.Generator().manual_seed(0))
    (gradient,) = torch.autograd.grad((out * weight).sum(), entry, allow_unused=True)
    return torch.zeros(entry.shape[1]) if gradient is None else gradient.abs().sum((0, 2))


def test_no_gradient_flows_from_later_segments_into_noise(double: Transformer, rng: np.random.Generator) -> None:
    packed = pack([[story(rng)]])
    split = packed.num_committed
    size = latent_gradient(double, packed, "hidden", slice(0, None))
    assert bool((size[split:] == 0).all())
    assert bool((size[:split] > 0).all()), "every clean token reaches the text after it"


def test_a_noisy_copy_hears_itself_and_earlier_clean_blocks_only(double: Transformer, rng: np.random.Generator) -> None:
    packed = pack([[story(rng)]])
    split, n = packed.num_committed, 9
    assert split == 4 * n
    own = {"first copy": (0, n), "second copy": (n, 2 * n), "third copy": (2 * n, 4 * n), "last copy": (4 * n, 6 * n)}
    earlier = {"first copy": 0, "second copy": 0, "third copy": 2 * n, "last copy": 2 * n}
    for name, (start, stop) in own.items():
        size = latent_gradient(double, packed, "prediction", slice(start, start + n))  # its first frame alone
        heard = torch.zeros(len(size), dtype=torch.bool)
        heard[split + start : split + stop] = True
        heard[: earlier[name]] = True
        assert torch.equal(size > 0, heard), name


# --- causality ----------------------------------------------------------------------------------------


@torch.no_grad()
def test_editing_a_block_changes_nothing_before_it_nor_its_noisy_copies(
    double: Transformer, rng: np.random.Generator
) -> None:
    document = story(rng)
    base = double(pack([[document]]))
    places = [i for i, s in enumerate(document) if isinstance(s, Block) and s.committed]
    for place in places:
        edited = [*document]
        edited[place] = replaced(document[place], rng)
        out = double(pack([[edited]]))
        texts, copies = (sum(n) for n in mark(document[:place]))
        assert torch.equal(out.hidden[:, :texts], base.hidden[:, :texts])
        assert torch.equal(out.prediction[:, :copies], base.prediction[:, :copies])
        assert largest(out.hidden[:, texts:] - base.hidden[:, texts:]) > 1e-4
        if place != places[-1]:
            assert largest(out.prediction[:, copies:] - base.prediction[:, copies:]) > 1e-4


@torch.no_grad()
def test_editing_text_changes_nothing_before_it(double: Transformer, rng: np.random.Generator) -> None:
    document = story(rng)
    base = double(pack([[document]]))
    edited = [*document]
    edited[4] = Text(ids=[*document[4].ids[:3], (document[4].ids[3] + 1) % 64, *document[4].ids[4:]])
    out = double(pack([[edited]]))
    assert torch.equal(out.hidden[:, : 11 + 3], base.hidden[:, : 11 + 3])
    assert torch.equal(out.prediction[:, :18], base.prediction[:, :18])
    assert largest(out.hidden[:, 11 + 3 :] - base.hidden[:, 11 + 3 :]) > 1e-4
    assert largest(out.prediction[:, 18:] - base.prediction[:, 18:]) > 1e-4


# --- packed pass = cached passes ------------------------------------------------------------------------


def assert_replay_agrees(model: Transformer, document: list[Segment], tolerance: float) -> None:
    with torch.no_grad():
        out = model(pack([[document]]))
        hidden, predictions = replay(model, document, np.random.default_rng(9))
    if out.hidden is not None:
        assert out.hidden.shape == hidden.shape and largest(out.hidden - hidden) <= tolerance
    if out.prediction is not None:
        assert out.prediction.shape == predictions.shape and largest(out.prediction - predictions) <= tolerance


@pytest.mark.parametrize("sharing", SHARINGS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
def test_packed_pass_equals_cached_passes_for_every_sharing(
    sharing: str, dtype: torch.dtype, tolerance: float, rng: np.random.Generator
) -> None:
    model = random_model(small_config(visual=visual_config(sharing=sharing)), seed=2, dtype=dtype)
    assert_replay_agrees(model, story(rng), tolerance)


@pytest.mark.parametrize("frame", [(1, 1), (2, 3), (4, 4)])
def test_packed_pass_equals_cached_passes_for_other_frames(
    double: Transformer, frame: tuple[int, int], rng: np.random.Generator
) -> None:
    assert_replay_agrees(double, story(rng, frame), 1e-10)


@pytest.mark.parametrize(
    "ratios", [(0, 0, 0), (4, 4, 0), (8, 8, 0), (0, 8, 4, 8, 4, 0)], ids=["window", "csa", "hca", "deep"]
)
def test_packed_pass_equals_cached_passes_for_every_layer_type(
    ratios: tuple[int, ...], rng: np.random.Generator
) -> None:
    config = small_config(num_hidden_layers=len(ratios) - 1, compress_ratios=ratios)
    assert_replay_agrees(random_model(config, seed=3, dtype=torch.float64), story(rng), 1e-10)


@pytest.mark.parametrize(("local", "anchor"), [(0, 0), (2, 0), (0, 1), (1, 2)])
def test_packed_pass_equals_cached_passes_for_every_reach(local: int, anchor: int, rng: np.random.Generator) -> None:
    config = small_config(visual=visual_config(local_blocks=local, anchor_blocks=anchor))
    model = random_model(config, seed=4, dtype=torch.float64)
    frames = [part for _ in range(4) for part in (noisy(rng), noisy(rng, 1, 0.1), clean(rng), text(rng, 2))]
    assert_replay_agrees(model, [text(rng, 5), *frames], 1e-10)


def test_packed_pass_equals_cached_passes_at_every_text_length(double: Transformer, rng: np.random.Generator) -> None:
    for length in range(1, 19):
        document = [text(rng, length), noisy(rng), clean(rng), text(rng, 19 - length), clean(rng)]
        assert_replay_agrees(double, document, 1e-10)


def test_a_document_may_begin_with_a_block(double: Transformer, rng: np.random.Generator) -> None:
    assert_replay_agrees(double, [clean(rng), text(rng, 7), noisy(rng), clean(rng), text(rng, 5)], 1e-10)
    assert_replay_agrees(double, [clean(rng), clean(rng), noisy(rng)], 1e-10)


def test_a_noisy_block_alone_is_predicted(double: Transformer, rng: np.random.Generator) -> None:
    block = noisy(rng)
    with torch.no_grad():
        out = double(pack([[[block]]]))
    assert out.hidden is None and bool(torch.isfinite(out.prediction).all())


@torch.no_grad()
def test_copies_of_one_size_fold_without_changing_numbers(double: Transformer, rng: np.random.Generator) -> None:
    a, b, c = noisy(rng, 1, 0.9), noisy(rng, 1, 0.4), noisy(rng, 2, 0.4)
    start = text(rng, 10)
    folded = double(pack([[[start, a, b]]])).prediction
    mixed = double(pack([[[start, a, b, c]]])).prediction
    assert largest(folded - mixed[:, :18]) <= 1e-10
    for number, copy in enumerate((a, b)):
        alone = double(pack([[[start, copy]]])).prediction
        assert largest(alone - folded[:, 9 * number : 9 * number + 9]) <= 1e-10


# --- batches --------------------


@torch.no_grad()
def test_ragged_rows_equal_rows_alone(double: Transformer, rng: np.random.Generator) -> None:
    documents: list[list[Segment]] = [
        story(rng), [text(rng, 3), noisy(rng), clean(rng), text(rng, 2)], [text(rng, 30)],
        [clean(rng), noisy(rng, 3)],
    ]  # fmt: skip
    together = double(pack([[d] for d in documents], text_multiple=16))
    for row, document in enumerate(documents):
        alone = double(pack([[document]]))
        texts, copies = (sum(n) for n in mark(document))
        if texts:
            assert largest(together.hidden[row, :texts] - alone.hidden[0]) <= 1e-10
        if copies:
            assert largest(together.prediction[row, :copies] - alone.prediction[0]) <= 1e-10


@torch.no_grad()
def test_documents_of_one_row_equal_separate_rows(double: Transformer, rng: np.random.Generator) -> None:
    documents = [story(rng), [text(rng, 5), noisy(rng), clean(rng), text(rng, 9)], [noisy(rng, 2)], story(rng)]
    together = double(pack([documents]))
    alone = [double(pack([[d]])) for d in documents if len(d) > 1]
    hidden = torch.cat([o.hidden for o in alone], 1)
    assert largest(together.hidden - hidden) <= 1e-10
    middle = double(pack([[[text(rng, 1)], documents[2]]])).prediction
    predictions = torch.cat([alone[0].prediction, alone[1].prediction, middle, alone[2].prediction], 1)
    assert largest(together.prediction - predictions) <= 1e-10


@torch.no_grad()
def test_a_ragged_batch_goes_on_through_one_cache_like_its_rows(double: Transformer, rng: np.random.Generator) -> None:
    steps: list[list[list[Segment]]] = [
        [[text(rng, 5)], [text(rng, 14)], [text(rng, 1)]],
        [[clean(rng)], [text(rng, 3)], [text(rng, 2), clean(rng)]],
        [[text(rng, 7)], [clean(rng, 2)], [clean(rng)]],
        [[text(rng, 1)], [], [text(rng, 9)]],
        [[text(rng, 1), clean(rng), text(rng, 2)], [text(rng, 6)], []],
        [[text(rng, 1)], [text(rng, 1)], [text(rng, 1)]],
        [[noisy(rng, 2)], [noisy(rng, 2)], [noisy(rng, 2)]],
    ]
    together = Session(double)
    outputs = [together.step(rows, keep=number < 6) for number, rows in enumerate(steps)]
    for row in range(3):
        document = [segment for rows in steps for segment in rows[row]]
        alone = double(pack([[document]]))
        pieces = []
        for out, rows in zip(outputs, steps, strict=True):
            count = sum(mark(rows[row])[0])
            if count:
                pieces.append(out.hidden[row, :count])
        assert largest(torch.cat(pieces) - alone.hidden[0]) <= 1e-10
        assert largest(outputs[-1].prediction[row] - alone.prediction[0]) <= 1e-10


@torch.no_grad()
def test_a_repeated_cache_goes_on_like_separate_runs(double: Transformer, rng: np.random.Generator) -> None:
    start = [text(rng, 11), clean(rng), text(rng, 6)]
    other = [text(rng, 7), clean(rng), text(rng, 3)]
    session = Session(double)
    session.step([start, other])
    ends: list[list[Segment]] = [[text(rng, n), noisy(rng), clean(rng), text(rng, 2)] for n in (1, 2, 3, 4)]
    wide = Session(double, session.cache.repeat(2))
    got = wide.step(ends)
    last = wide.step([[text(rng, 1)]] * 4)
    assert [len(t) for t in cache_tensors(wide.cache)] == [4] * len(cache_tensors(wide.cache))
    for row, (begin, end) in enumerate(zip((start, start, other, other), ends, strict=True)):
        alone = Session(double)
        alone.step([begin])
        expected = alone.step([end])
        count = sum(mark(end)[0])
        assert largest(got.hidden[row, :count] - expected.hidden[0]) <= 1e-10
        assert largest(got.prediction[row] - expected.prediction[0]) <= 1e-10
    assert largest(last.hidden[0] - last.hidden[2]) > 1e-4


# --- the cache --------------------


def snapshot(tensors: list[Tensor]) -> list[tuple[int, bytes]]:
    return [(t.data_ptr(), t.detach().contiguous().numpy().tobytes()) for t in tensors]


@torch.no_grad()
def test_denoising_leaves_the_cache_untouched(single: Transformer, rng: np.random.Generator) -> None:
    session = Session(single)
    session.step([[text(rng, 13), clean(rng), text(rng, 2)]])
    cache = session.cache
    before, size = snapshot(cache_tensors(cache)), cache.num_bytes
    for sigma in (1.0, 0.7, 0.3, 0.1):
        out = session.step([[noisy(rng, 2, sigma)]], keep=False)
        assert out.cache is None
    assert session.cache is cache and cache.num_bytes == size
    assert snapshot(cache_tensors(cache)) == before


@pytest.mark.parametrize(("frames", "frame"), [(1, (3, 3)), (2, (3, 3)), (1, (4, 4)), (3, (1, 1))])
@torch.no_grad()
def test_a_commit_adds_exactly_its_entries(
    single: Transformer, rng: np.random.Generator, frames: int, frame: tuple[int, int]
) -> None:
    session = Session(single)
    session.step([[text(rng, 13)]])
    before = session.cache
    session.step([[clean(rng, frames, frame)]])
    tokens = frames * frame[0] * frame[1]
    for ratio in (4, 8):
        added = session.cache.entries[ratio].document.shape[1] - before.entries[ratio].document.shape[1]
        assert added == -(-tokens // ratio)
    for number, ratio in enumerate((0, 4, 8, 4)):
        if ratio:
            old, new = before.layers[number], session.cache.layers[number]
            added = -(-tokens // ratio)
            assert new.entries.values.shape[1] == old.entries.values.shape[1] + added
            assert torch.equal(new.entries.values[:, :-added], old.entries.values)
            if ratio == 4:
                assert new.index_keys.values.shape[1] == old.index_keys.values.shape[1] + added
                assert torch.equal(new.index_keys.values[:, :-added], old.index_keys.values)


@torch.no_grad()
def test_raw_keys_out_of_reach_are_forgotten(single: Transformer, rng: np.random.Generator) -> None:
    session = Session(single)
    for _ in range(12):
        session.step([[text(rng, 5)]])
    assert session.cache.raw.shape[1] == single.config.sliding_window
    assert all(layer.raw.shape[1] == single.config.sliding_window for layer in session.cache.layers)
    assert session.cache.entries[4].document.shape[1] == 60 // 4
    counted = sum(t.numel() * t.element_size() for layer in session.cache.layers for t in cache_tensors(layer))
    assert session.cache.num_bytes == counted > 0


@torch.no_grad()
def test_a_pass_that_does_not_keep_returns_no_cache(single: Transformer, rng: np.random.Generator) -> None:
    assert single(pack([[[text(rng, 5)]]])).cache is None


# --- guidance --------------------


@torch.no_grad()
def test_conditional_and_unconditional_caches_share_no_storage(single: Transformer, rng: np.random.Generator) -> None:
    prompt, block = [text(rng, 13), clean(rng), text(rng, 4)], [clean(rng)]
    asked, free = Session(single), Session(single)
    asked.step([prompt])
    free.step([[Text(ids=[0])]])
    for session in (asked, free):
        session.step([block])
    stores = [{t.untyped_storage().data_ptr() for t in cache_tensors(s.cache) if t.numel()} for s in (asked, free)]
    assert stores[0] and stores[1] and not stores[0] & stores[1]


@torch.no_grad()
def test_the_unconditional_row_does_not_depend_on_the_prompt(single: Transformer, rng: np.random.Generator) -> None:
    noise = noisy(rng, 2)
    predictions = []
    for _ in range(2):
        session = Session(single)
        session.step([[text(rng, 13)], [Text(ids=[0])]])
        predictions.append(session.step([[noise], [noise]], keep=False).prediction)
    assert torch.equal(predictions[0][1], predictions[1][1])
    assert largest(predictions[0][0] - predictions[1][0]) > 1e-3
    alone = Session(single)
    alone.step([[Text(ids=[0])]])
    assert largest(alone.step([[noise]], keep=False).prediction[0] - predictions[0][1]) <= 1e-5


# --- what a block reads --------------------


@torch.no_grad()
def test_contents_places_and_noise_levels_all_matter(double: Transformer, rng: np.random.Generator) -> None:
    start, block = text(rng, 6), noisy(rng, 2)
    variants = {
        "as is": block,
        "other noise level": replace(block, sigma=0.3),
        "other times": replace(block, times=(0, 2)),
        "frames swapped": replace(block, latents=block.latents[::-1]),
        "turned": replace(block, latents=block.latents.swapaxes(1, 2)),
    }
    found = {name: double(pack([[[start, b]]])).prediction for name, b in variants.items()}
    for a, b in itertools.combinations(found, 2):
        assert largest(found[a] - found[b]) > 1e-4, (a, b)


def test_a_model_without_a_visual_half_refuses_blocks(rng: np.random.Generator) -> None:
    model = Transformer(small_config(visual=None))
    with pytest.raises(ValueError, match="no visual half"):
        model(pack([[[text(rng, 3), noisy(rng)]]]))


@torch.no_grad()
def test_sharing_decides_which_weights_visual_tokens_use() -> None:
    def names(sharing: str) -> set[str]:
        config: ModelConfig = small_config(visual=visual_config(sharing=sharing))
        found = Transformer(config).state_dict()
        return {n.split(".")[3] for n in found if n.startswith("visual.layers.0.")}

    attention = {"attn", "attn_norm", "ffn_norm", "hc_attn", "hc_ffn"}
    assert names("mot") == names("frozen_text") == attention | {"ffn", "noise"}
    assert names("experts") == {"ffn", "noise"}
    assert names("full") == {"noise"}


@torch.no_grad()
def test_committed_blocks_are_predicted_by_nobody(double: Transformer, rng: np.random.Generator) -> None:
    assert double(pack([[[text(rng, 3), clean(rng)]]])).prediction is None
    assert double(pack([[[text(rng, 3), noisy(rng, 2)]]])).prediction.shape == (1, 18, latents(rng).shape[-1])
