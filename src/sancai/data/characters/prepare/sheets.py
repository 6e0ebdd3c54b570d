"""Turns RGBA sprite sheets into palette indices, palettes, colour ramps and cropped frames.

A sheet is one part on one body.  Its colour variants are indexed together: one index stands for one tuple
of colours, so every variant is reproduced exactly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sancai.data.characters.prepare import catalog
from sancai.errors import DataError

MOST_COLORS = 255


@dataclass
class Sheet:
    """One part on one body: where its frames start, and its colours."""

    anims: dict[str, int]
    palettes: np.ndarray
    """uint8 [variants, size, 4]."""
    colors: list[str] | None = None
    """Names of the variants, where each was drawn by hand."""
    materials: list[str] | None = None
    """Ramps that recolour it, where the colours are computed."""
    ramp: np.ndarray | None = None
    """int [size, 2]: which material and which step of it; -1 for neither."""

    def entry(self, palette: int) -> dict[str, Any]:
        """Return the manifest's words for a sheet whose colours start at `palette`."""
        more = {"materials": self.materials} if self.colors is None else {"colors": self.colors}
        return {"anims": self.anims, "palette": palette, "size": self.palettes.shape[1], **more}

    def ramps(self) -> np.ndarray:
        """Return int8 [variants · size, 2]."""
        rows = self.palettes.shape[0] * self.palettes.shape[1]
        return (np.full((rows, 2), -1) if self.ramp is None else self.ramp).astype(np.int8)


@dataclass
class Crops:
    """Frames cut to their drawn box; equal crops are kept once."""

    boxes: list[tuple[int, int, int, int]] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    pixels: list[np.ndarray] = field(default_factory=list)
    size: int = 0
    _seen: dict[tuple[tuple[int, ...], bytes], int] = field(default_factory=dict)

    def add(self, frame: np.ndarray, shift: int) -> None:
        """Add an index image [tile, tile] whose drawing starts `shift` pixels up and left of the canvas."""
        rows, columns = np.flatnonzero(frame.any(1)), np.flatnonzero(frame.any(0))
        if not len(rows):
            self.boxes.append((0, 0, 0, 0))
            self.offsets.append(0)
            return
        top, left, height, width = rows[0], columns[0], rows[-1] + 1 - rows[0], columns[-1] + 1 - columns[0]
        crop = np.ascontiguousarray(frame[top : top + height, left : left + width])
        self.boxes.append((int(left) - shift, int(top) - shift, int(width), int(height)))
        self.offsets.append(self._offset(crop))

    def _offset(self, crop: np.ndarray) -> int:
        key = (crop.shape, crop.tobytes())
        if key not in self._seen:
            self._seen[key] = self.size
            self.pixels.append(crop.ravel())
            self.size += crop.size
        return self._seen[key]

    def arrays(self) -> dict[str, np.ndarray]:
        """Return boxes [frames, 4], offsets [frames] and pixels [n]."""
        return {
            "boxes": np.array(self.boxes, np.int16).reshape(-1, 4),
            "offsets": np.array(self.offsets, np.uint32),
            "pixels": np.concatenate([np.zeros(0, np.uint8), *self.pixels]),
        }


def index_sheet(sources: Mapping[str, np.ndarray], custom: str | None, crops: Crops) -> Sheet:
    """Index the pictures of one part and add its frames.

    Args:
        sources: action → uint8 [variants, height, width, 4].
        custom: name of the larger tile, if it has one.
    """
    flat = np.concatenate(
        [stack.transpose(1, 2, 0, 3).reshape(-1, *_variant_shape(stack)) for stack in sources.values()]
    )
    index, palettes = index_colors(flat)
    sheet, start = Sheet({}, palettes), 0
    for action, stack in sources.items():
        height, width = stack.shape[1:3]
        sheet.anims[action] = len(crops.boxes)
        _cut(index[start : start + height * width].reshape(height, width), action, custom, crops)
        start += height * width
    return sheet


def _variant_shape(stack: np.ndarray) -> tuple[int, int]:
    return stack.shape[0], stack.shape[3]


def index_colors(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return indices uint8 [n] and palettes [variants, size, 4] of pixels [n, variants, 4]; 0 is "nothing here"."""
    drawn = flat[..., 3].any(1)
    tuples = flat[drawn]
    tuples[tuples[..., 3] == 0] = 0
    first, code = _rank_tuples(tuples)
    if len(first) > MOST_COLORS:
        raise DataError(
            f"a sheet has {len(first)} colours, at most {MOST_COLORS} fit a pack; leave the part out of the catalog"
        )
    index = np.zeros(len(flat), np.uint8)
    index[drawn] = code + 1
    clear = np.zeros((1, *flat.shape[1:]), np.uint8)
    return index, np.concatenate([clear, tuples[first]]).transpose(1, 0, 2)


def _rank_tuples(tuples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number distinct tuples of colours: where each first occurs, and the number of each pixel."""
    code = np.zeros(len(tuples), np.int64)
    for variant in np.moveaxis(tuples, 1, 0):
        color = np.ascontiguousarray(variant).view(np.uint32).ravel()
        ranks = np.unique(color, return_inverse=True)[1].ravel()
        code = np.unique(code * (len(color) + 1) + ranks, return_inverse=True)[1].ravel()
    return np.unique(code, return_index=True)[1], code


def _cut(index: np.ndarray, action: str, custom: str | None, crops: Crops) -> None:
    """Cut an index image [height, width] into its frames, row by row."""
    spec = catalog.ANIMATIONS[action]
    tile = tile_size(custom)
    rows, columns = index.shape[0] // tile, index.shape[1] // tile
    if rows < spec["dirs"] or columns < spec["frames"]:
        raise DataError(
            f"the {action} sheet holds {rows} × {columns} tiles of {tile} pixels, "
            f"expected at least {spec['dirs']} × {spec['frames']}; use the commit named in DATA.md"
        )
    for row in range(spec["dirs"]):
        for column in range(spec["frames"]):
            crops.add(index[row * tile :, column * tile :][:tile, :tile], (tile - catalog.TILE) // 2)


def tile_size(custom: str | None) -> int:
    """Return the side of a frame in pixels."""
    return next((size for word, size in catalog.CUSTOM_TILES.items() if word in (custom or "")), catalog.TILE)


def mark_ramps(sheet: Sheet, sources: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Note which palette entries belong to which ramp.

    Args:
        sources: for each recolourable material its name and the colours, as `#rrggbb`, in which it was drawn.
    """
    base = sheet.palettes[0].astype(int)
    ramp = np.full((len(base), 2), -1)
    for number, (_, colors) in enumerate(sources):
        for step, color in enumerate(colors):
            near = (np.abs(base[:, :3] - rgb(color)).max(1) <= 1) & (base[:, 3] > 0) & (ramp[:, 0] < 0)
            ramp[near] = number, step
    sheet.ramp, sheet.materials = ramp, [material for material, _ in sources]


def rgb(text: str) -> list[int]:
    """Return `#ff8000` as [255, 128, 0]."""
    digits = text.lstrip("#")
    return [int(digits[at : at + 2], 16) for at in (0, 2, 4)]
