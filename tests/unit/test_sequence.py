"""Packing, visibility and windows, against rules written out token by token."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import CHANNELS, clean, latents, noisy, text
from sancai.errors import RequestError
from sancai.sequence import (
    NEVER,
    PADDING,
    Block,
    Cursor,
    PackedSequence,
    Segment,
    Text,
    TokenMeta,
    VisibilityConfig,
    find_windows,
    morton_order,
    pack,
    raster_order,
    sees_entries,
    sees_tokens,
)

SEEDS = st.integers(0, 10**6)
QUICK = settings(max_examples=25, deadline=None)


def random_document(rng: np.random.Generator) -> list[Segment]:
    """Return up to six segments of every kind."""
    makers = (
        lambda: text(rng, int(rng.integers(0, 12))),
        lambda: clean(rng, int(rng.integers(1, 3))),
        lambda: noisy(rng, int(rng.integers(1, 3)), float(rng.random())),
    )
    return [makers[int(rng.integers(3))]() for _ in range(int(rng.integers(1, 7)))]


def tokens_of(packed: PackedSequence) -> TokenMeta:
    return packed.text if packed.visual is None else TokenMeta.cat([packed.text, packed.visual])


# --- order --------------------


def test_morton_order_of_four_by_four_is_written_out() -> None:
    assert morton_order(4, 4).tolist() == [0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15]


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 7), (5, 3), (6, 6), (8, 16)])
def test_raster_order_undoes_morton_order(rows: int, columns: int) -> None:
    order = morton_order(rows, columns)
    assert sorted(order) == list(range(rows * columns))
    assert np.array_equal(order[raster_order(rows, columns)], np.arange(rows * columns))


def test_sixteen_tokens_in_order_are_a_tile() -> None:
    row, column = np.divmod(morton_order(8, 8), 8)
    for size, side in ((4, 2), (16, 4)):
        for start in range(0, 64, size):
            part = slice(start, start + size)
            assert np.ptp(row[part]) == np.ptp(column[part]) == side - 1


# --- packing --------------------


def test_the_facts_of_a_written_out_document(rng: np.random.Generator) -> None:
    document = [text(rng, 3), noisy(rng), clean(rng), text(rng, 2), clean(rng, 2), text(rng, 1)]
    packed = pack([[document]])
    t, v = packed.text, packed.visual
    assert t.index[0].tolist() == [0, 1, 2, 12, 13, 32]
    assert t.causal_limit[0].tolist() == [1, 2, 3, 13, 14, 33]
    assert t.segment[0].tolist() == [0, 0, 0, 2, 2, 4]
    assert t.offset[0].tolist() == [0, 1, 2, 0, 1, 0]
    assert t.position[0, :, 0].tolist() == [0, 1, 2, 4, 5, 8]
    assert bool((t.position == t.position[..., :1]).all()) and bool((t.copy_id == 0).all())
    assert packed.num_committed == 27 and packed.frame == (3, 3)
    assert v.index[0].tolist() == [*range(3, 12), *range(14, 32)] + [NEVER] * 9
    assert v.causal_limit[0].tolist() == [3] * 9 + [14] * 18 + [3] * 9
    assert v.segment[0].tolist() == [1] * 9 + [3] * 18 + [1] * 9
    assert v.block[0].tolist() == [1] * 9 + [2] * 18 + [1] * 9
    assert v.copy_id[0].tolist() == [2] * 9 + [3] * 18 + [1] * 9
    assert packed.sigma[0].tolist() == [0.0] * 27 + [np.float32(0.6)] * 9


def test_latents_places_and_grid_travel_in_morton_order(rng: np.random.Generator) -> None:
    block = Block(latents=latents(rng, 2), times=(0, 3.5), sigma=0.5)
    packed = pack([[[text(rng, 4), block]]])
    for number in range(18):
        frame, place = divmod(number, 9)
        row, column = divmod(int(morton_order(3, 3)[place]), 3)
        time = block.times[frame]
        assert packed.latents[0, number].tolist() == block.latents[frame, row, column].tolist()
        assert packed.visual.position[0, number].tolist() == [4 + time, 4 + row - 1.5, 4 + column - 1.5]
        assert packed.grid[0, number].tolist() == pytest.approx([(row + 0.5) / 3, (column + 0.5) / 3, time])


def test_an_own_advance_moves_the_position_but_not_the_index(rng: np.random.Generator) -> None:
    packed = pack([[[replace(clean(rng, 2), advance=10.0), text(rng, 1)]]])
    assert packed.text.position[0, 0].tolist() == [10.0] * 3
    assert packed.text.index[0, 0] == 18


def test_rows_are_padded_on_the_right_and_marked(rng: np.random.Generator) -> None:
    packed = pack([[[text(rng, 3)]], [[text(rng, 6), clean(rng)]]], text_multiple=4)
    assert packed.text_ids.shape == (2, 8)
    assert packed.text.is_real.sum(1).tolist() == [3, 6]
    assert packed.text.document[0].tolist() == [0] * 3 + [PADDING] * 5
    assert packed.text_ids[0, 3:].tolist() == [0] * 5
    assert packed.visual.is_real.sum(1).tolist() == [0, 9]


def test_learning_marks_stay_beside_their_tokens(rng: np.random.Generator) -> None:
    first = Text(ids=[5, 6, 7], learn=[False, True, True])
    packed = pack([[[first, clean(rng), text(rng, 2), Text(ids=[9], learn=[True])]]])
    assert packed.learn[0].tolist() == [False, True, True, False, False, True]
    assert packed.text_ids[0, :3].tolist() == [5, 6, 7]


def test_neighbouring_text_parts_are_one_run(rng: np.random.Generator) -> None:
    whole = text(rng, 9)
    cut = pack([[[Text(ids=whole.ids[:4]), Text(ids=[]), Text(ids=whole.ids[4:])]]])
    for name in ("document", "segment", "offset", "index", "causal_limit", "position"):
        assert torch.equal(getattr(cut.text, name), getattr(pack([[[whole]]]).text, name))


def test_documents_of_a_row_start_anew_and_copies_stay_unique(rng: np.random.Generator) -> None:
    document = [text(rng, 3), noisy(rng), clean(rng)]
    packed = pack([[document, document]])
    assert packed.text.document[0].tolist() == [0] * 3 + [1] * 3
    assert packed.text.index[0].tolist() == [0, 1, 2] * 2
    assert packed.text.position[0, :, 0].tolist() == [0, 1, 2] * 2
    assert packed.visual.copy_id[0].unique().tolist() == [1, 2, 3, 4]


@given(SEEDS)
@QUICK
def test_cursors_continue_a_document_as_if_it_were_packed_at_once(seed: int) -> None:
    rng = np.random.default_rng(seed)
    document = [s for s in random_document(rng) if isinstance(s, Text) or s.committed]
    whole, cursor = pack([[document]]), Cursor()
    found: dict[str, list[TokenMeta]] = {"text": [], "visual": []}
    for segment in document:
        halves = [segment]
        if isinstance(segment, Text):
            cut = len(segment.ids) // 2
            halves = [Text(ids=segment.ids[:cut]), Text(ids=segment.ids[cut:])]
        for part in halves:
            piece = pack([[[part]]], [cursor])
            cursor = piece.cursors[0]
            found["text"].append(piece.text)
            if piece.visual is not None:
                found["visual"].append(piece.visual)
    assert cursor == whole.cursors[0]
    for name, parts in found.items():
        meta = getattr(whole, name)
        if meta is not None and parts:
            joined = TokenMeta.cat(parts)
            for fact in ("document", "segment", "offset", "index", "causal_limit", "copy_id", "block", "position"):
                assert torch.equal(getattr(joined, fact), getattr(meta, fact)), (name, fact)


def test_an_uncommitted_block_moves_nothing_but_the_copy_number(rng: np.random.Generator) -> None:
    before = pack([[[text(rng, 5)]]]).cursors[0]
    after = pack([[[noisy(rng)]]], [before]).cursors[0]
    assert replace(after, copies=before.copies) == before


def test_frames_of_two_sizes_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(RequestError, match="one size"):
        pack([[[clean(rng), clean(rng, 1, (2, 3))]]])


def test_a_time_is_needed_for_every_frame(rng: np.random.Generator) -> None:
    with pytest.raises(RequestError, match="2 frames but 1 times"):
        pack([[[Block(latents=latents(rng, 2), times=(0,))]]])


# --- visibility --------------------


def may_read(query: dict[str, int], key: dict[str, int], visibility: VisibilityConfig) -> bool:
    """The rule of visibility.py for one query and one key."""
    if query["document"] != key["document"] or key["document"] == PADDING:
        return False
    if query["copy_id"] and query["copy_id"] == key["copy_id"]:
        return True
    if key["index"] == NEVER or key["index"] >= query["causal_limit"]:
        return False
    if key["index"] >= query["causal_limit"] - visibility.sliding_window:
        return True
    if not query["block"] or not key["block"] or key["block"] >= query["block"]:
        return False
    return query["block"] - key["block"] <= visibility.local_blocks or key["block"] <= visibility.anchor_blocks


def facts(meta: object, names: tuple[str, ...]) -> list[list[dict[str, int]]]:
    columns = {n: getattr(meta, n).tolist() for n in names}
    shape = getattr(meta, names[0]).shape
    return [[{n: columns[n][b][t] for n in names} for t in range(shape[1])] for b in range(shape[0])]


@given(SEEDS, st.integers(1, 12), st.integers(0, 2), st.integers(0, 2))
@QUICK
def test_raw_reading_follows_the_written_rule(seed: int, window: int, local: int, anchor: int) -> None:
    rng = np.random.default_rng(seed)
    packed = pack([[random_document(rng) for _ in range(int(rng.integers(1, 3)))] for _ in range(2)])
    tokens = tokens_of(packed)
    visibility = VisibilityConfig(sliding_window=window, local_blocks=local, anchor_blocks=anchor)
    seen = sees_tokens(tokens, tokens, visibility)
    rows = facts(tokens, ("document", "index", "causal_limit", "copy_id", "block"))
    for b, row in enumerate(rows):
        expected = [[may_read(q, k, visibility) for k in row] for q in row]
        assert seen[b].tolist() == expected


@given(SEEDS, st.sampled_from([4, 5, 8]))
@QUICK
def test_compressed_reading_follows_the_written_rule(seed: int, ratio: int) -> None:
    rng = np.random.default_rng(seed)
    packed = pack([[random_document(rng), random_document(rng)], [random_document(rng)]])
    tokens = tokens_of(packed)
    for at_mean, source in ((False, packed.text), (True, packed.visual)):
        if source is None:
            continue
        entries = find_windows(source, ratio, 0, at_mean=at_mean).entries
        seen = sees_entries(tokens, entries)
        queries = facts(tokens, ("document", "segment", "causal_limit"))
        keys = facts(entries, ("document", "segment", "last", "complete"))
        for b in range(2):
            expected = [
                [
                    q["document"] == e["document"] != PADDING
                    and e["last"] < q["causal_limit"]
                    and (e["segment"] < q["segment"] or (e["segment"] == q["segment"] and bool(e["complete"])))
                    for e in keys[b]
                ]
                for q in queries[b]
            ]
            assert seen[b].tolist() == expected


@pytest.mark.parametrize("length", [3, 4, 5, 7, 8, 9])
def test_text_alone_sees_deepseeks_number_of_entries(length: int, rng: np.random.Generator) -> None:
    packed = pack([[[text(rng, length)]]])
    seen = sees_entries(packed.text, find_windows(packed.text, 4, 0, at_mean=False).entries)
    assert seen[0].sum(-1).tolist() == [(t + 1) // 4 for t in range(length)]


# --- windows --------------------


@given(SEEDS, st.sampled_from([4, 8]))
@QUICK
def test_windows_restart_at_borders_and_hold_every_committed_token_once(seed: int, ratio: int) -> None:
    rng = np.random.default_rng(seed)
    packed = pack([[random_document(rng), random_document(rng)], [random_document(rng)]])
    for source in (packed.text, packed.visual):
        if source is None:
            continue
        windows = find_windows(source, ratio, 0, at_mean=False)
        for b in range(2):
            groups: dict[tuple[int, int, int], list[int]] = {}
            for column in range(source.shape[1]):
                if source.is_real[b, column] and source.index[b, column] != NEVER:
                    key = (source.document[b, column], source.segment[b, column], source.offset[b, column] // ratio)
                    groups.setdefault(tuple(int(k) for k in key), []).append(column)
            for number, (key, columns) in enumerate(groups.items()):
                own = windows.own[b, number][windows.has_own[b, number]].tolist()
                before = windows.previous[b, number][windows.has_previous[b, number]].tolist()
                assert own == columns
                assert before == groups.get((key[0], key[1], key[2] - 1), [])
                entry = windows.entries
                assert entry.complete[b, number] == int(len(columns) == ratio)
                assert entry.last[b, number] == source.index[b, columns[-1]]
                assert (entry.document[b, number], entry.segment[b, number]) == key[:2]
                assert torch.equal(entry.position[b, number], source.position[b, columns[0]])
            assert not windows.has_own[b, len(groups) :].any()
            assert bool((windows.entries.document[b, len(groups) :] == PADDING).all())


def test_picture_entries_stand_at_the_mean_of_their_tokens(rng: np.random.Generator) -> None:
    packed = pack([[[text(rng, 2), clean(rng)]]])
    windows = find_windows(packed.visual, 4, 0, at_mean=True)
    place = packed.visual.position[0]
    means = torch.stack([place[:4].mean(0), place[4:8].mean(0), place[8:].mean(0)])
    assert torch.allclose(windows.entries.position[0], means)


def test_only_windows_with_new_columns_are_found(rng: np.random.Generator) -> None:
    meta = pack([[[text(rng, 11)]]]).text
    windows = find_windows(meta, 4, 8, at_mean=False)
    assert windows.own[0].tolist()[0][:3] == [8, 9, 10] and windows.count == 1
    assert windows.previous[0, 0].tolist() == [4, 5, 6, 7]
    assert find_windows(meta, 4, 7, at_mean=False).count == 2


def test_latents_keep_their_channels(rng: np.random.Generator) -> None:
    assert pack([[[text(rng, 1), noisy(rng)]]]).latents.shape == (1, 9, CHANNELS)
