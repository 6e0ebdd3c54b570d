"""Prefetching changes when batches are made, and nothing else."""

import threading
import traceback

import pytest

from sancai.train.prefetch import Prefetcher


class Source:
    """Notes which thread made which step."""

    def __init__(self) -> None:
        self.made: dict[int, str] = {}

    def __call__(self, step: int) -> list:
        self.made[step] = threading.current_thread().name
        if step == 3:
            raise ValueError("no third step")
        return [step]


def test_the_next_step_is_made_in_the_thread_and_none_after_the_last() -> None:
    source = Source()
    with Prefetcher(source, last=3) as batches:
        assert [batches(step) for step in range(3)] == [[0], [1], [2]]
    assert sorted(source.made) == [0, 1, 2]
    assert source.made[0] == "MainThread" and source.made[1].startswith("batches")
    assert not any(thread.name.startswith("batches") for thread in threading.enumerate())


def test_a_step_out_of_turn_is_made_at_once() -> None:
    source = Source()
    with Prefetcher(source, last=100) as batches:
        assert batches(5) == [5]
        assert batches(9) == [9]


def test_an_error_in_the_thread_comes_with_its_traceback_when_its_step_is_asked_for() -> None:
    with Prefetcher(Source(), last=10) as batches:
        assert batches(2) == [2]
        with pytest.raises(ValueError, match="no third step") as caught:
            batches(3)
    assert "__call__" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert any("no third step" in (frame.line or "") for frame in traceback.extract_tb(caught.value.__traceback__))
