"""Sprite sheets: clips laid out on one picture.

`Sheet` holds the pixels and says where every frame of every clip lies; `sheet_json`, `aseprite`, `godot` and `unity`
describe it for other programs.  Two layouts: frames in rows (`grid_sheet`), and the universal layout of the Liberated
Pixel Cup (`universal_sheet`), which engines and tools for that art read by position alone.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sancai.errors import RequestError
from sancai.media.animation import Playback

MAX_SHEET_SIDE = 16384
"""What WebGL textures and game engines take at most on current machines."""
UNIVERSAL_COLUMNS = 13
UNIVERSAL_ROWS = {
    "spellcast": 0, "thrust": 4, "walk": 8, "slash": 12, "shoot": 16, "hurt": 20, "climb": 21, "idle": 22, "jump": 26,
    "sit": 30, "emote": 34, "run": 38, "combat_idle": 42, "backslash": 46, "halfslash": 50,
}  # fmt: skip
"""First row of every action (Universal LPC Spritesheet Character Generator, `sources/state/constants.js`)."""
UNIVERSAL_HEIGHT = 54
DIRECTIONS = ("north", "west", "south", "east")
"""Order of the rows of an action with four directions; `hurt` and `climb` have one row."""


@dataclass(frozen=True)
class SheetClip:
    """One animation on its way to a sheet.  frames: uint8 RGBA (F, H, W, 4)."""

    name: str
    frames: np.ndarray
    playback: Playback


@dataclass(frozen=True)
class PlacedClip:
    """One animation on a sheet.

    corners: left and top edge of every frame, in pixels.  durations: ms of every frame.
    """

    name: str
    corners: tuple[tuple[int, int], ...]
    durations: tuple[int, ...]
    loop: bool


@dataclass(frozen=True)
class Sheet:
    """Clips on one picture.  pixels: uint8 RGBA (H, W, 4).  frame: width and height of a frame, in pixels."""

    pixels: np.ndarray
    frame: tuple[int, int]
    clips: tuple[PlacedClip, ...]

    def frames(self) -> list[tuple[str, tuple[int, int], int]]:
        """Return name ("walk_left_0"), corner and duration of every frame, clip by clip."""
        return [
            (f"{clip.name}_{number}", corner, duration)
            for clip in self.clips
            for number, (corner, duration) in enumerate(zip(clip.corners, clip.durations, strict=True))
        ]

    def cut(self, corner: tuple[int, int]) -> np.ndarray:
        """Return the pixels (H, W, 4) of the frame at a corner."""
        (left, top), (width, height) = corner, self.frame
        return self.pixels[top : top + height, left : left + width]


@dataclass(frozen=True, kw_only=True)
class SheetLayout:
    """How frames lie on a sheet.

    columns: frames a row; None puts all into one.  padding: clear pixels around every frame.
    power_of_two: enlarge both sides to powers of two, as some engines want.
    """

    columns: int | None = None
    padding: int = 0
    power_of_two: bool = False

    def __post_init__(self) -> None:
        if self.columns is not None and self.columns < 1:
            raise RequestError(f"columns is {self.columns}; choose 1 or more")
        if not 0 <= self.padding <= 64:
            raise RequestError(f"padding is {self.padding}; choose 0 to 64 pixels")

    def corners(self, count: int, width: int, height: int) -> list[tuple[int, int]]:
        """Return each frame's left and top edge in pixels."""
        columns, gap = self.columns or count, 2 * self.padding
        return [
            (n % columns * (width + gap) + self.padding, n // columns * (height + gap) + self.padding)
            for n in range(count)
        ]

    def size(self, count: int, width: int, height: int) -> tuple[int, int]:
        """Return the sheet's width and height in pixels.

        Raises:
            RequestError: it would be larger than textures can be.
        """
        columns = min(self.columns or count, count)
        sides = columns * (width + 2 * self.padding), -(-count // columns) * (height + 2 * self.padding)
        if self.power_of_two:
            sides = 1 << (sides[0] - 1).bit_length(), 1 << (sides[1] - 1).bit_length()
        if max(sides) > MAX_SHEET_SIDE:
            raise RequestError(
                f"the sheet would be {sides[0]}×{sides[1]} pixels, at most {MAX_SHEET_SIDE} a side can be used; "
                "wrap it into rows with columns, or enlarge less"
            )
        return sides


def grid_sheet(clips: Sequence[SheetClip], layout: SheetLayout | None = None) -> Sheet:
    """Return a sheet of clips whose frames follow each other in rows."""
    layout = layout or SheetLayout()
    frames = np.concatenate([clip.frames for clip in clips])
    count, height, width, _ = frames.shape
    size, corners = layout.size(count, width, height), layout.corners(count, width, height)
    return _place(clips, corners, size)


def universal_sheet(clips: Mapping[tuple[str, str], SheetClip]) -> Sheet:
    """Return the universal LPC sheet of clips by action and direction: 13 columns, 54 rows.

    Rows of absent clips stay clear.

    Raises:
        RequestError: an action that the layout has no row for, or more frames than columns.
    """
    _, height, width, _ = next(iter(clips.values())).frames.shape
    corners: list[tuple[int, int]] = []
    for (action, direction), clip in clips.items():
        if action not in UNIVERSAL_ROWS:
            raise RequestError(f"no row for the action {action!r}; the layout has {', '.join(UNIVERSAL_ROWS)}")
        if len(clip.frames) > UNIVERSAL_COLUMNS:
            raise RequestError(f"{clip.name} has {len(clip.frames)} frames; a row takes {UNIVERSAL_COLUMNS}")
        top = _universal_row(action, direction) * height
        corners += [(number * width, top) for number in range(len(clip.frames))]
    return _place([*clips.values()], corners, (UNIVERSAL_COLUMNS * width, UNIVERSAL_HEIGHT * height))


def _universal_row(action: str, direction: str) -> int:
    """Return the row of an action seen from a direction."""
    first = UNIVERSAL_ROWS[action]
    has_one = first + 1 in (*UNIVERSAL_ROWS.values(), UNIVERSAL_HEIGHT)
    return first if has_one else first + DIRECTIONS.index(direction)


def _place(clips: Sequence[SheetClip], corners: Sequence[tuple[int, int]], size: tuple[int, int]) -> Sheet:
    """Draw the frames of clips at their corners, in order."""
    width, height = size
    pixels, placed, at = np.zeros((height, width, 4), np.uint8), [], 0
    for clip in clips:
        own = tuple(corners[at : at + len(clip.frames)])
        for frame, (left, top) in zip(clip.frames, own, strict=True):
            pixels[top : top + frame.shape[0], left : left + frame.shape[1]] = frame
        placed.append(PlacedClip(clip.name, own, tuple(clip.playback.durations(len(own))), clip.playback.loop))
        at += len(own)
    return Sheet(pixels, (clips[0].frames.shape[2], clips[0].frames.shape[1]), tuple(placed))


def sheet_json(sheet: Sheet, image: str) -> bytes:
    """Return the description of a sheet in Aseprite's "array" JSON, which Phaser and others import.

    Frames are named "0", "1", ...: Phaser's `createFromAseprite` looks frames up by their number, other readers go by
    position.  `frameTags` and PixiJS's `animations` name the clips.

    Args:
        image: file name of the sheet's PNG.
    """
    height, width = sheet.pixels.shape[:2]
    animations: dict[str, list[str]] = {}
    for clip in sheet.clips:
        first = sum(map(len, animations.values()))
        animations[clip.name] = [str(first + n) for n in range(len(clip.corners))]
    tags = [{"name": n, "from": int(f[0]), "to": int(f[-1]), "direction": "forward"} for n, f in animations.items()]
    meta = {
        "app": "sancai", "version": "1.0", "image": image, "format": "RGBA8888", "size": {"w": width, "h": height},
        "scale": "1", "frameTags": tags,
    }  # fmt: skip
    entries = [_entry(n, corner, sheet.frame, ms) for n, (_, corner, ms) in enumerate(sheet.frames())]
    content = {"frames": entries, "animations": animations, "meta": meta}
    return json.dumps(content, indent=1, ensure_ascii=False).encode()


def _entry(number: int, corner: tuple[int, int], size: tuple[int, int], duration: int) -> dict[str, Any]:
    """Return Aseprite's entry of a frame."""
    width, height = size
    return {
        "filename": str(number),
        "frame": {"x": corner[0], "y": corner[1], "w": width, "h": height},
        "rotated": False,
        "trimmed": False,
        "spriteSourceSize": {"x": 0, "y": 0, "w": width, "h": height},
        "sourceSize": {"w": width, "h": height},
        "duration": duration,
    }
