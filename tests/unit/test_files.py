"""Files are written whole or not at all."""

import os
import pathlib

import pytest

from sancai.files import atomic_write


def test_a_file_appears_when_all_is_written(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")
    with atomic_write(path) as beside:
        beside.write_text("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after" and os.listdir(tmp_path) == ["a.txt"]


def test_a_failure_keeps_what_was_there(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(ZeroDivisionError), atomic_write(path) as beside:
        beside.write_text("half")
        1 / 0  # noqa: B018
    assert path.read_text() == "before" and os.listdir(tmp_path) == ["a.txt"]


def test_processes_that_share_a_file_write_to_places_of_their_own(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.txt"
    with atomic_write(path, shared=True) as mine, atomic_write(path, shared=True) as theirs:
        mine.write_text("mine")
        theirs.write_text("theirs")
    assert path.read_text() == "mine"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_bytes_are_on_the_disk_before_the_name_stands_for_them(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, order = tmp_path / "state.pt", []
    replace = os.replace
    monkeypatch.setattr(os, "fsync", lambda file: order.append(os.fstat(file).st_size))
    monkeypatch.setattr(os, "replace", lambda old, new: (order.append("named"), replace(old, new)))
    with atomic_write(path) as beside:
        beside.write_bytes(b"whole")
    assert order == [5, "named"] and path.read_bytes() == b"whole"
