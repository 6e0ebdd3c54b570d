"""A training folder belongs to one process; what a dead one left behind is taken over."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from sancai.errors import CheckpointError
from sancai.train.lock import NAME, check_unlocked, locked, start_ticks


def holder(folder: pathlib.Path, **changes: object) -> None:
    with locked(folder):
        mine = json.loads((folder / NAME).read_text())
    (folder / NAME).write_text(json.dumps(mine | changes))


def test_a_lock_names_its_holder_and_goes_with_it(tmp_path: pathlib.Path) -> None:
    with locked(tmp_path / "run"):
        held = json.loads((tmp_path / "run" / NAME).read_text())
        assert held["pid"] == os.getpid() and held["host"] and held["started"]
    assert not (tmp_path / "run" / NAME).exists()


def test_a_folder_of_a_living_process_is_refused(tmp_path: pathlib.Path) -> None:
    parent = os.getppid()
    holder(tmp_path, pid=parent, ticks=start_ticks(parent))
    with pytest.raises(CheckpointError, match=f"trained by process {parent} on .* since .*name another --run"):
        check_unlocked(tmp_path)
    with pytest.raises(CheckpointError, match=str(parent)), locked(tmp_path):
        pass
    assert (tmp_path / NAME).exists(), "who is refused takes nothing away"


def test_a_folder_of_another_machine_is_refused(tmp_path: pathlib.Path) -> None:
    holder(tmp_path, host="elsewhere", pid=1)
    with pytest.raises(CheckpointError, match="on elsewhere"):
        check_unlocked(tmp_path)


def test_a_dead_process_holds_nothing(tmp_path: pathlib.Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    holder(tmp_path, pid=gone.pid)
    check_unlocked(tmp_path)
    with locked(tmp_path):
        assert json.loads((tmp_path / NAME).read_text())["pid"] == os.getpid()


@pytest.mark.skipif(start_ticks(os.getpid()) is None, reason="this system does not tell when a process started")
def test_a_later_process_with_the_same_number_holds_nothing(tmp_path: pathlib.Path) -> None:
    holder(tmp_path, pid=os.getppid(), ticks="1")
    check_unlocked(tmp_path)


def test_a_lock_that_was_never_finished_holds_nothing(tmp_path: pathlib.Path) -> None:
    (tmp_path / NAME).write_text('{"pid": 1')
    with locked(tmp_path):
        pass
