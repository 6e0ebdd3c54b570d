"""Sheets hold every frame where their descriptions say, in each program's own form."""

import json
import re
import struct
import zlib

import numpy as np
import pytest

from sancai.errors import RequestError
from sancai.media import (
    DIRECTIONS,
    UNIVERSAL_ROWS,
    Playback,
    Sheet,
    SheetClip,
    SheetLayout,
    aseprite_bytes,
    godot_resource,
    grid_sheet,
    sheet_json,
    unity_meta,
    universal_sheet,
)


def clip(name: str, count: int, seed: int = 0, loop: bool = True) -> SheetClip:
    """Return a clip of noise."""
    frames = np.random.default_rng(seed).integers(0, 256, (count, 64, 64, 4)).astype(np.uint8)
    return SheetClip(name, frames, Playback(fps=8, loop=loop))


def two_clips() -> list[SheetClip]:
    return [clip("walk", 5, 1), clip("slash", 3, 2, loop=False)]


def assert_holds(sheet: Sheet, clips: list[SheetClip]) -> None:
    """Check that each clip's frames lie at its corners."""
    for placed, wanted in zip(sheet.clips, clips, strict=True):
        assert placed.name == wanted.name
        for corner, frame in zip(placed.corners, wanted.frames, strict=True):
            assert np.array_equal(sheet.cut(corner), frame)


@pytest.mark.parametrize(
    "layout", [SheetLayout(), SheetLayout(columns=3), SheetLayout(columns=3, padding=2, power_of_two=True)]
)
def test_a_grid_holds_every_frame(layout: SheetLayout) -> None:
    sheet = grid_sheet(two_clips(), layout)
    assert_holds(sheet, two_clips())
    if layout.power_of_two:
        assert all(side & (side - 1) == 0 for side in sheet.pixels.shape[:2])


def test_the_json_names_frames_by_their_number_and_clips_by_their_action() -> None:
    description = json.loads(sheet_json(grid_sheet(two_clips()), "knight.png"))
    assert [f["filename"] for f in description["frames"]] == [str(n) for n in range(8)]
    assert description["animations"] == {"walk": ["0", "1", "2", "3", "4"], "slash": ["5", "6", "7"]}
    tags = [(t["name"], t["from"], t["to"]) for t in description["meta"]["frameTags"]]
    assert tags == [("walk", 0, 4), ("slash", 5, 7)]
    assert sum(f["duration"] for f in description["frames"]) == 1000
    assert description["meta"]["image"] == "knight.png"


def test_a_sheet_too_large_for_textures_is_refused() -> None:
    long = SheetClip("walk", np.zeros((1640, 10, 10, 4), np.uint8), Playback(fps=8))
    with pytest.raises(RequestError, match=r"16400×10.*columns"):
        grid_sheet([long])


def test_the_universal_sheet_puts_every_action_into_its_rows() -> None:
    clips = {
        (action, direction): clip(f"{action}_{direction}", 6, row)
        for row, action in enumerate(UNIVERSAL_ROWS)
        for direction in (("south",) if action in ("hurt", "climb") else DIRECTIONS)
    }
    sheet = universal_sheet(clips)
    assert sheet.pixels.shape == (54 * 64, 13 * 64, 4)
    assert_holds(sheet, list(clips.values()))
    corners = {placed.name: placed.corners[0] for placed in sheet.clips}
    assert corners["walk_north"] == (0, 8 * 64) and corners["walk_east"] == (0, 11 * 64)
    assert corners["hurt_south"] == (0, 20 * 64) and corners["halfslash_east"] == (0, 53 * 64)
    assert len(set(corners.values())) == len(clips) == 54


def test_the_universal_sheet_refuses_what_it_has_no_room_for() -> None:
    with pytest.raises(RequestError, match="no row for the action 'dance'"):
        universal_sheet({("dance", "south"): clip("dance", 2)})
    with pytest.raises(RequestError, match="14 frames; a row takes 13"):
        universal_sheet({("walk", "south"): clip("walk", 14)})


def test_an_aseprite_file_holds_frames_times_and_tags() -> None:
    sheet = grid_sheet(two_clips())
    content = aseprite_bytes(sheet)
    size, magic, count, width, height, depth = struct.unpack_from("<IHHHHH", content)
    assert (size, magic, count, width, height, depth) == (len(content), 0xA5E0, 8, 64, 64, 32)
    at, pictures, durations, tags = 128, [], [], {}
    for _ in range(count):
        length, magic, _, duration, chunks = struct.unpack_from("<IHHH2xI", content, at)
        assert magic == 0xF1FA
        durations.append(duration)
        end, at = at + length, at + 16
        for _ in range(chunks):
            long, kind = struct.unpack_from("<IH", content, at)
            if kind == 0x2005:
                assert struct.unpack_from("<HH", content, at + 22) == (64, 64)
                pictures.append(np.frombuffer(zlib.decompress(content[at + 26 : at + long]), np.uint8))
            if kind == 0x2018:
                tags = read_tags(content[at + 6 : at + long])
            at += long
        assert at == end
    wanted = np.concatenate([c.frames for c in two_clips()])
    assert np.array_equal(np.stack(pictures).reshape(wanted.shape), wanted)
    assert sum(durations) == 1000 and tags == {"walk": (0, 4, 0), "slash": (5, 7, 1)}


def read_tags(data: bytes) -> dict[str, tuple[int, int, int]]:
    """Return first frame, last frame and repetitions of the tags of a chunk."""
    tags, at = {}, 10
    for _ in range(struct.unpack_from("<H", data)[0]):
        first, last, _, repeat, length = struct.unpack_from("<HHBH10xH", data, at)
        tags[data[at + 19 : at + 19 + length].decode()] = first, last, repeat
        at += 19 + length
    assert at == len(data)
    return tags


def test_godot_finds_every_frame_and_plays_at_the_right_speed() -> None:
    sheet = grid_sheet(two_clips(), SheetLayout(columns=3))
    text = godot_resource(sheet, "knight.png").decode()
    regions = re.findall(r'id="(\w+)"\]\natlas = ExtResource\("sheet"\)\nregion = Rect2\((\d+), (\d+), 64, 64\)', text)
    assert {name: (int(x), int(y)) for name, x, y in regions} == {name: c for name, c, _ in sheet.frames()}
    assert set(re.findall(r'SubResource\("(\w+)"\)', text)) == {name for name, _, _ in sheet.frames()}
    assert re.findall(r'"loop": (\w+),\n"name": &"(\w+)",\n"speed": (\S+)', text) == [
        ("true", "walk", "8"),
        ("false", "slash", "8"),
    ]


def test_unity_cuts_the_same_sprites_from_below() -> None:
    sheet = grid_sheet(two_clips(), SheetLayout(columns=3))
    text = unity_meta(sheet, "knight.png").decode()
    found = re.findall(r"name: (\w+)\n.*\n.*\n +x: (\d+)\n +y: (\d+)", text)
    wanted = {name: (x, 3 * 64 - y - 64) for name, (x, y), _ in sheet.frames()}
    assert {name: (int(x), int(y)) for name, x, y in found} == wanted
    identities = re.findall(r"(?:spriteID|guid): ([0-9a-f]{32})", text)
    assert len(set(identities)) == len(wanted) + 1
    assert unity_meta(sheet, "knight.png") == text.encode()
