"""Clips never replace a file that appeared while they were drawn."""

import pathlib

import numpy as np
import pytest

from sancai import media
from sancai.commands.options import save_clip
from sancai.engine import Clip
from sancai.errors import MediaError


def clip(shade: int) -> Clip:
    return Clip(np.full((2, 4, 4, 4), shade, np.uint8))


@pytest.mark.parametrize("suffix", [".png", ".gif"])
def test_runs_that_want_one_name_get_one_each(
    tmp_path: pathlib.Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = tmp_path / f"knight{suffix}"
    saved = [save_clip(clip(shade), wanted, replace=False) for shade in (255, 128, 64)]
    assert [path.stem for path in saved] == ["knight", "knight-2", "knight-3"]
    assert len({path.read_bytes() for path in saved}) == 3
    assert capsys.readouterr().err.count(f"{wanted} was written by somebody else") == 2


def test_a_named_file_is_replaced_if_that_is_allowed(tmp_path: pathlib.Path) -> None:
    wanted = tmp_path / "knight.png"
    first = save_clip(clip(255), wanted, replace=False).read_bytes()
    assert save_clip(clip(128), wanted, replace=True) == wanted
    assert wanted.read_bytes() != first and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", ["sheet.png", "sheet.json"])
def test_a_sheet_that_appears_late_is_kept(tmp_path: pathlib.Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "check_writable", lambda path, force: (tmp_path / name).write_bytes(b"theirs"))
    with pytest.raises(MediaError, match=f"{name} exists already"):
        clip(255).save_sheet(tmp_path / "sheet.png", force=False)
    assert (tmp_path / name).read_bytes() == b"theirs"


def test_a_clip_that_appears_late_is_kept(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    monkeypatch.setattr(media, "check_writable", lambda path, force: path.write_bytes(b"theirs"))
    with pytest.raises(MediaError, match="exists already"):
        clip(255).save(path, force=False)
    assert path.read_bytes() == b"theirs"
