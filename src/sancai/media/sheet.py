"""Sprite sheets: frames laid out on one PNG, and a JSON that game engines import.

The JSON is Aseprite's "array" layout.  Frames are named "0", "1", ...: Phaser's `createFromAseprite` looks frames up by
their number, other readers go by position.  `frameTags` and PixiJS's `animations` name the clips.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sancai.errors import RequestError
from sancai.media.animation import Playback
from sancai.media.picture import png_bytes

MAX_SHEET_SIDE = 16384
"""What WebGL textures and game engines take at most on current machines."""


@dataclass(frozen=True)
class Tag:
    """One clip on a sheet: frames `first` to `last`, both included."""

    name: str
    first: int
    last: int


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

    def positions(self, count: int, height: int, width: int) -> list[tuple[int, int]]:
        """Return each frame's left and top edge in pixels."""
        columns, gap = self.columns or count, 2 * self.padding
        return [
            (n % columns * (width + gap) + self.padding, n // columns * (height + gap) + self.padding)
            for n in range(count)
        ]

    def size(self, count: int, height: int, width: int) -> tuple[int, int]:
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


def sheet_bytes(
    frames: np.ndarray, name: str, tags: Sequence[Tag], playback: Playback, layout: SheetLayout | None = None
) -> tuple[bytes, bytes]:
    """Return a sprite sheet (PNG) of frames (F, H, W, 4) and its description (JSON).

    Args:
        name: of the PNG file, as the JSON refers to it.
        tags: the clips on the sheet.
    """
    layout = layout or SheetLayout()
    count, height, width, _ = frames.shape
    positions, size = layout.positions(count, height, width), layout.size(count, height, width)
    sheet = np.zeros((size[1], size[0], 4), np.uint8)
    for frame, (left, top) in zip(frames, positions, strict=True):
        sheet[top : top + height, left : left + width] = frame
    description = {
        "frames": _frame_entries(positions, (width, height), playback.durations(count)),
        "animations": {tag.name: [str(n) for n in range(tag.first, tag.last + 1)] for tag in tags},
        "meta": {
            "app": "sancai", "version": "1.0", "image": name, "format": "RGBA8888",
            "size": {"w": size[0], "h": size[1]}, "scale": "1",
            "frameTags": [{"name": t.name, "from": t.first, "to": t.last, "direction": "forward"} for t in tags],
        },
    }  # fmt: skip
    return png_bytes(sheet, playback.parameters), json.dumps(description, indent=1, ensure_ascii=False).encode()


def _frame_entries(
    positions: Sequence[tuple[int, int]], size: tuple[int, int], durations: Sequence[int]
) -> list[dict[str, Any]]:
    """Return Aseprite's entry of every frame."""
    width, height = size
    return [
        {
            "filename": str(number),
            "frame": {"x": left, "y": top, "w": width, "h": height},
            "rotated": False,
            "trimmed": False,
            "spriteSourceSize": {"x": 0, "y": 0, "w": width, "h": height},
            "sourceSize": {"w": width, "h": height},
            "duration": duration,
        }
        for number, ((left, top), duration) in enumerate(zip(positions, durations, strict=True))
    ]
