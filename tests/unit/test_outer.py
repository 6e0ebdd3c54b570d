"""Outer patches: found by how often they are clear, left out by place alone, weighed so that the loss stays."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sancai.data import Task
from sancai.sequence import Block, Text, pack
from sancai.train.batch import Batch, prepare
from sancai.train.outer import OuterPatches, find_outer, leave_out

SIDE, PATCHES = 4, 16
EDGE = {0, 1, 4, 5}
"""Places in raster order that most frames below leave clear; in Morton order these are the first four tokens."""


def frames(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return frames (F, 4, 4, 4) of one RGBA pixel a patch, opaque but in the upper left corner of most."""
    pixels = rng.uniform(-0.9, 0.9, (count, SIDE, SIDE, 4)).astype(np.float32)
    pixels[: count * 9 // 10, :2, :2, 3] = -1.0
    return pixels


def batch_of(seed: int, rows: int = 3, count: int = 10) -> Batch:
    rng = np.random.default_rng(seed)
    documents = [[Text(ids=[1, 2]), Block(latents=frames(rng, count), times=range(count), sigma=1.0)]] * rows
    return prepare("image", Task(shift=3.0), pack([[d] for d in documents]), torch.Generator().manual_seed(7))


@pytest.fixture
def outer() -> OuterPatches:
    found = find_outer([batch_of(1), batch_of(2)], 0.5)
    assert found is not None
    return found


def test_places_that_are_clear_in_most_frames_are_outer(outer: OuterPatches) -> None:
    assert outer.places.nonzero().flatten().tolist() == [0, 1, 2, 3]
    assert (outer.kept, outer.weight) == (2, 2.0)


def test_nothing_is_outer_where_pictures_fill_their_frames() -> None:
    batch = batch_of(1)
    assert find_outer([replace(batch, clean=batch.clean.abs())], 0.25) is None


def test_every_frame_keeps_equally_many_tokens_and_all_inner_ones(outer: OuterPatches) -> None:
    left = leave_out(batch_of(3), outer, torch.Generator().manual_seed(1))
    assert left.packed.frames == ((10, 14),) and left.clean.shape == (3, 140, 4)
    kept = left.packed.partial.columns.unflatten(1, (10, 14)) % PATCHES
    assert bool((kept.diff(dim=-1) > 0).all()), "in order, none twice"
    assert bool((kept[..., 2:] == torch.arange(4, PATCHES)).all())
    assert len(kept[..., :2].flatten(0, 1).unique(dim=0)) > 1, "the choice is random"


def test_which_tokens_stay_does_not_depend_on_what_they_show(outer: OuterPatches) -> None:
    first, second = (leave_out(batch_of(seed), outer, torch.Generator().manual_seed(1)) for seed in (4, 5))
    assert torch.equal(first.packed.partial.columns, second.packed.partial.columns)
    assert not torch.equal(first.clean, second.clean)


def test_all_facts_of_a_token_stay_together(outer: OuterPatches) -> None:
    whole = batch_of(6)
    left = leave_out(whole, outer, torch.Generator().manual_seed(2))
    columns = left.packed.partial.columns
    for row in range(3):
        for place in (0, 17, 90, 139):
            column = int(columns[row, place])
            assert torch.equal(left.packed.latents[row, place], whole.packed.latents[row, column])
            assert torch.equal(left.packed.grid[row, place], whole.packed.grid[row, column])
            assert torch.equal(left.packed.visual.position[row, place], whole.packed.visual.position[row, column])
            assert torch.equal(left.clean[row, place], whole.clean[row, column])
            assert float(left.sigma[row, place]) == float(whole.sigma[row, column])


def test_those_that_stay_count_for_those_that_do_not(outer: OuterPatches) -> None:
    whole = batch_of(8)
    left = leave_out(whole, outer, torch.Generator().manual_seed(3))
    assert left.noisy_weight == pytest.approx(whole.noisy_weight)
    assert left.weight[0, :3].tolist() == pytest.approx(
        [2 * float(whole.weight[0, 0])] * 2 + [float(whole.weight[0, 0])]
    )


def test_partial_frames_are_filled_with_what_is_beside_them(outer: OuterPatches) -> None:
    left = leave_out(batch_of(9), outer, torch.Generator().manual_seed(4))
    partial = left.packed.partial
    marked = partial.fill(torch.full((3, 140, 4), 7.0))
    assert bool((partial.take(marked) == 7.0).all()) and int((marked == 7.0).sum()) == 3 * 140 * 4
    assert torch.equal(partial.fill(left.clean), partial.latents)
