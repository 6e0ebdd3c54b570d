"""A pack is built from a small repository of made-up art, and bad art is refused with a clear reason."""

import csv
import io
import json
import pathlib
import subprocess
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sancai.data.characters.library import Library
from sancai.data.characters.prepare import PackSummary, adopt_pack, catalog, prepare
from sancai.errors import DataError

TILE = 64
SKINS = {"light": ["#402010", "#c08060"], "green": ["#103010", "#60a040"]}
CLOTHS = {"white": ["#808080", "#f0f0f0"], "red": ["#600000", "#d02020"]}
CREDIT = {"authors": ["Ann"], "licenses": ["CC-BY-SA 3.0", "OGA-BY 3.0"], "urls": ["https://example.org"], "notes": ""}
Json = dict[str, Any]


def credit(file: str, **changes: Any) -> Json:
    return {**CREDIT, "file": file, **changes}


def sheet(color: str, left: int, top: int) -> bytes:
    """Return a PNG of 4 rows of 2 frames, each a 6×8 block that moves with row and frame."""
    pixels = np.zeros((4 * TILE, 2 * TILE, 4), np.uint8)
    for row in range(4):
        for frame in range(2):
            y, x = row * TILE + top + row, frame * TILE + left + frame
            pixels[y : y + 8, x : x + 6] = [*bytes.fromhex(color.lstrip("#")), 255]
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def layer(z: int, base: str, **more: str) -> Json:
    return {"zPos": z, "male": base, "female": base, **more}


def art_files(tunic: Json) -> dict[str, bytes]:
    """Return the files of a tiny repository; `tunic` is the credit of one of its parts."""
    body, cloth = {"material": "body"}, {"material": "cloth"}
    definitions: Json = {
        "body/body": {"layer_1": layer(10, "body/"), "recolors": body, "credits": [credit("body")]},
        "heads/head": {"layer_1": layer(100, "head/"), "recolors": body, "credits": [credit("head")]},
        "tunic": {"layer_1": layer(60, "tunic/"), "recolors": cloth, "credits": [tunic]},
        "staff": {"layer_1": layer(140, "staff/"), "credits": [credit("staff", licenses=["CC0"])]},
        "meta_sheets": {"ignored": True},
    }
    palettes = {m: {} for m in catalog.RAMP_FILES} | {"body": SKINS, "cloth": CLOTHS}
    return {
        **{f"sheet_definitions/{name}.json": json.dumps(content).encode() for name, content in definitions.items()},
        **{f"palette_definitions/{f}": json.dumps(palettes[m]).encode() for m, f in catalog.RAMP_FILES.items()},
        "spritesheets/body/walk.png": sheet("#c08060", 28, 40),
        "spritesheets/head/walk.png": sheet("#c08060", 28, 20),
        "spritesheets/tunic/walk.png": sheet("#f0f0f0", 28, 30),
        "spritesheets/staff/walk/oak.png": sheet("#604020", 40, 24),
        "spritesheets/staff/walk/gold.png": sheet("#e0c040", 40, 24),
        "CREDITS.csv": b"filename,notes,authors,licenses,urls\nbody/walk.png,,Ann,OGA-BY 3.0,\n",
    }  # fmt: skip


def git(folder: pathlib.Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


def repository(folder: pathlib.Path, files: dict[str, bytes]) -> pathlib.Path:
    """Make a git repository with one commit."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", "art")
    return folder


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalog of one species and two items."""
    walk = {"frames": 2, "dirs": 4, "clip": [0, 1] * 4, "loop": True, "verb": "walks", "ing": "walking"}
    human = {
        "heads": {"man": "head", "woman": "head"}, "skins": ["light", "green"], "weight": 1,
        "phrase": {"man": "a man", "woman": "a woman"}, "skin_word": "{c} skin",
    }  # fmt: skip
    items = {
        "tunic": {"slot": "top", "phrase": "a {c} tunic", "parts": [("tunic", None)],
                  "colors": {"white": "white", "red": "red"}},
        "staff": {"slot": "weapon", "phrase": "a {c} staff", "parts": [("staff", None)],
                  "colors": {"oak": "brown", "gold": "golden"}},
    }  # fmt: skip
    changes: Json = {
        "ANIMATIONS": {"walk": walk},
        "SPECIES": {"human": human},
        "ITEMS": items,
        "SLOTS": ["top", "weapon"],
    }
    for name, value in changes.items():
        monkeypatch.setattr(catalog, name, value)


@pytest.fixture
def pack(tiny: None, tmp_path: pathlib.Path) -> pathlib.Path:
    """A finished pack."""
    art = repository(tmp_path / "art", art_files(credit("tunic")))
    prepare(art, None, tmp_path / "pack")
    return tmp_path / "pack"


def test_a_pack_draws_what_the_art_shows(pack: pathlib.Path) -> None:
    library = Library.open(pack)
    who = {
        "species": "human", "build": "man", "skin": "green", "eyes": "blue", "action": "walk",
        "items": {"top": ["tunic", "red"], "weapon": ["staff", "gold"]},
    }  # fmt: skip
    picture = library.frame(who, "west", 1)  # row 1, column 1: one pixel right and down
    assert picture[41, 29].tolist() == [0x60, 0xA0, 0x40, 255]
    assert picture[31, 29].tolist() == [0xD0, 0x20, 0x20, 255]
    assert picture[25, 41].tolist() == [0xE0, 0xC0, 0x40, 255]
    assert (picture[..., 3] > 0).sum() == 4 * 6 * 8
    assert library.visible(who, "west") == {"body": 96, "top": 48, "weapon": 48}


def test_the_summary_counts_what_the_pack_holds(tiny: None, tmp_path: pathlib.Path) -> None:
    art = repository(tmp_path / "art", art_files(credit("tunic")))
    commit = subprocess.run(["git", "-C", str(art), "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    summary = prepare(art / ".git", None, tmp_path / "pack")  # a git folder alone is enough
    # All blocks have one shape and one index, but for the staff's, which is the same again.
    assert summary == PackSummary(commit.stdout.strip(), species=1, items=2, sheets=4, frames=32, pixels=48)
    assert sorted(path.name for path in (tmp_path / "pack").iterdir()) == ["CREDITS.csv", "lpc.json", "lpc.npz"]


def test_every_part_is_credited_under_a_free_licence(pack: pathlib.Path) -> None:
    rows = list(csv.DictReader((pack / "CREDITS.csv").read_text(encoding="utf-8").splitlines()))
    assert {row["path"]: row["license_used"] for row in rows} == {
        "body/": "OGA-BY 3.0", "head/": "OGA-BY 3.0", "staff/": "CC0", "tunic/": "OGA-BY 3.0",
    }  # fmt: skip
    assert all(row["authors"] == "Ann" for row in rows)


@pytest.mark.parametrize("licence", ["CC-BY-SA 3.0", "GPL 3.0", "CC-BY-NC 4.0"])
def test_a_part_that_is_not_free_is_refused(tiny: None, tmp_path: pathlib.Path, licence: str) -> None:
    art = repository(tmp_path / "art", art_files(credit("tunic", licenses=[licence])))
    with pytest.raises(DataError, match=f"tunic.*not free enough.*{licence}"):
        prepare(art, None, tmp_path / "pack")
    assert not (tmp_path / "pack").exists()


def test_the_table_of_files_can_refuse_a_file(tiny: None, tmp_path: pathlib.Path) -> None:
    files = art_files(credit("tunic"))
    files["CREDITS.csv"] += b"staff/walk/gold.png,,Ann,CC-BY-SA 3.0,\n"
    with pytest.raises(DataError, match=r"staff/walk/gold\.png.*CC-BY-SA"):
        prepare(repository(tmp_path / "art", files), None, tmp_path / "pack")


def test_a_missing_part_is_named(tiny: None, tmp_path: pathlib.Path) -> None:
    files = art_files(credit("tunic"))
    del files["sheet_definitions/staff.json"]
    with pytest.raises(DataError, match=r"does not define the part staff"):
        prepare(repository(tmp_path / "art", files), None, tmp_path / "pack")


def test_folders_without_art_are_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(DataError, match="no folder"):
        prepare(tmp_path / "nowhere", None, tmp_path / "pack")
    with pytest.raises(DataError, match="is not a git repository"):
        prepare(tmp_path, None, tmp_path / "pack")
    with pytest.raises(DataError, match="has no sheet_definitions"):
        prepare(repository(tmp_path / "other", {"README": b"hello"}), None, tmp_path / "pack")


def test_an_empty_repository_is_refused(tmp_path: pathlib.Path) -> None:
    git(tmp_path, "init", "-q")
    with pytest.raises(DataError, match="cannot read a commit"):
        prepare(tmp_path, None, tmp_path / "pack")


def test_a_folder_that_cannot_be_written_is_refused(pack: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="cannot write the pack"):
        adopt_pack(pack, tmp_path / "file" / "pack")


def test_a_finished_pack_is_taken_over_unchanged(pack: pathlib.Path, tmp_path: pathlib.Path) -> None:
    summary = adopt_pack(pack, tmp_path / "copy")
    assert (summary.species, summary.items, summary.frames) == (1, 2, 32)
    for name in ("lpc.json", "lpc.npz", "CREDITS.csv"):
        assert (tmp_path / "copy" / name).read_bytes() == (pack / name).read_bytes()


def test_a_pack_without_credits_is_refused(pack: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (pack / "CREDITS.csv").unlink()
    with pytest.raises(DataError, match="no CREDITS"):
        adopt_pack(pack, tmp_path / "copy")


@pytest.mark.parametrize("size", [0, 200])
def test_a_cut_off_pack_is_refused(pack: pathlib.Path, tmp_path: pathlib.Path, size: int) -> None:
    content = (pack / "lpc.npz").read_bytes()
    (pack / "lpc.npz").write_bytes(content[:size])
    with pytest.raises(DataError, match="damaged"):
        adopt_pack(pack, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_pack_whose_arrays_do_not_fit_is_refused(pack: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with np.load(pack / "lpc.npz") as arrays:
        shorter = {name: array[:-1] if name == "pixels" else array for name, array in arrays.items()}
    np.savez(pack / "lpc.npz", **shorter)
    with pytest.raises(DataError, match="expected 48 pixels, got 47"):
        adopt_pack(pack, tmp_path / "copy")


def test_a_flipped_bit_is_noticed(pack: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with np.load(pack / "lpc.npz") as arrays:
        np.savez(pack / "plain.npz", **arrays)
    content = bytearray((pack / "plain.npz").read_bytes())
    content[300] ^= 1
    (pack / "lpc.npz").write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        adopt_pack(pack, tmp_path / "copy")
