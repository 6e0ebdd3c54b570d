"""A pack of character parts, and how a character is drawn from it, pixel by pixel.

    library = Library.open("packs/characters")
    who = {"species": "elf", "build": "woman", "skin": "light", "eyes": "green", "action": "walk",
           "items": {"hair": ["long", "red"], "top": ["tunic", "green"]}}
    clip = library.clip(who, "east")          # uint8 [8, 64, 64, 4], straight alpha

A character is a plain dict, so it can be kept as JSON and drawn again.
"""

import json
import pathlib
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from sancai.errors import DataError
from sancai.files import is_lfs_pointer, lfs_message

Character = dict[str, Any]
ARRAYS = ("boxes", "offsets", "pixels", "palettes", "ramps")


class Library:
    """Parts of characters: manifest `info` and index-colour crops."""

    def __init__(self, info: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        self.info = info
        self.boxes, self.offsets, self.pixels, self.palettes, self.ramps = (arrays[n] for n in ARRAYS)
        self.animations, self.directions = info["animations"], info["directions"]
        self.species, self.items, self.sheets = info["species"], info["items"], info["sheets"]
        self.slots: list[str] = info["slots"]
        self.by_slot = {s: [k for k, item in self.items.items() if item["slot"] == s] for s in self.slots}
        self._tables: dict[tuple[Any, ...], np.ndarray] = {}

    @staticmethod
    def open(folder: str | pathlib.Path) -> "Library":
        """Read a finished pack: `lpc.json` and `lpc.npz` in one folder."""
        folder = pathlib.Path(folder)
        missing = [n for n in ("lpc.json", "lpc.npz") if not (folder / n).is_file()]
        if missing:
            raise DataError(
                f"no character pack in {folder}: missing {', '.join(missing)}; "
                "build one with `sancai data prepare` or name the folder of a finished pack"
            )
        for name in ("lpc.json", "lpc.npz"):
            if is_lfs_pointer(folder / name):
                raise DataError(lfs_message(folder / name))
        try:
            with (folder / "lpc.npz").open("rb") as file, np.load(file) as pack:
                arrays = {name: pack[name] for name in ARRAYS}
            return Library(json.loads((folder / "lpc.json").read_text(encoding="utf-8")), arrays)
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise DataError(f"the character pack in {folder} is damaged ({error}); build it again") from error

    # -- drawing ---------------------------------------------------------------------------

    def clip(self, who: Character, direction: str, size: int = 64, action: str | None = None) -> np.ndarray:
        """Return the 8-frame clip of an action: uint8 [8, size, size, 4]."""
        frames = self.animations[action or who["action"]]["clip"]
        drawn = {f: self.frame(who, direction, f, size, action) for f in set(frames)}
        return np.stack([drawn[f] for f in frames])

    def frame(
        self, who: Character, direction: str, frame: int, size: int = 64, action: str | None = None
    ) -> np.ndarray:
        """Return one RGBA frame; the 64-pixel tile is centred in a size × size canvas."""
        return self.draw(who, direction, frame, size, action)[0]

    def draw(
        self, who: Character, direction: str, frame: int, size: int = 64, action: str | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the frame and its owners: per pixel an index into ["", "body"] + slots."""
        canvas = np.zeros((size, size, 4), np.uint8)
        owner = np.zeros((size, size), np.uint8)
        origin = (size - self.info["tile"]) // 2
        names = ["", "body", *self.slots]
        for slot, x, y, index, table in self._crops(who, action or who["action"], direction, frame):
            box = _clip_box(x + origin, y + origin, index.shape, size)
            if box is None:
                continue
            (x0, y0, x1, y1), inner = box
            source = table[index[inner]]
            blend(canvas[y0:y1, x0:x1], source)
            owner[y0:y1, x0:x1][source[..., 3] > 127] = names.index(slot)
        return canvas, owner

    def _crops(self, who: Character, action: str, direction: str, frame: int) -> Iterable[tuple[Any, ...]]:
        """Yield (slot, x, y, index image, palette) of each drawn part, back to front."""
        for _, slot, sheet, table in self._layers(who):
            crop = self._crop(sheet, action, direction, frame)
            if crop is not None:
                yield (slot, *crop, table)

    def _layers(self, who: Character) -> list[tuple[Any, ...]]:
        """Return (z, slot, sheet, palette) of a character, from back to front."""
        found = list(self._slot_layers(who, "body", self.species[who["species"]]["layers"], who.get("skin")))
        for slot in self.slots:
            if slot in who["items"]:
                key, color = who["items"][slot]
                found += self._slot_layers(who, slot, self.items[key]["layers"], color)
        return sorted(found, key=lambda layer: layer[0])

    def _slot_layers(
        self, who: Character, slot: str, layers: list[Any], color: str | None
    ) -> Iterable[tuple[Any, ...]]:
        for layer in layers:
            sheet = layer["sheets"].get(who["build"])
            if sheet is not None:
                yield layer["z"], slot, sheet, self.palette(sheet, layer["color"] or color, who.get("eyes"))

    def palette(self, sheet: int, color: str | None, eyes: str | None) -> np.ndarray:
        """Return the RGBA table of a sheet in one colour."""
        key = (sheet, color, eyes)
        if key not in self._tables:
            info = self.sheets[sheet]
            start, size = info["palette"], info["size"]
            if "colors" in info:
                start += info["colors"].index(color) * size
            table = self.palettes[start : start + size].copy()
            for which, material in enumerate(info.get("materials", ())):
                self._recolor(table, info, which, material, color if which == 0 else None, eyes)
            self._tables[key] = table
        return self._tables[key]

    def _recolor(
        self, table: np.ndarray, info: Mapping[str, Any], which: int, material: str, color: str | None, eyes: str | None
    ) -> None:
        """Replace one ramp of a palette in place."""
        name = color if which == 0 else {"eye": eyes, "metal": "steel", "cloth": "brown"}[material]
        if name is None:
            return
        ramps = self.info["ramps"]
        target = np.array(ramps[material].get(name) or ramps["metal"][name], np.uint8)
        ramp = self.ramps[info["palette"] : info["palette"] + info["size"]]
        mine = ramp[:, 0] == which
        table[mine, :3] = target[ramp[mine, 1]]

    def _crop(self, sheet: int, action: str, direction: str, frame: int) -> tuple[Any, ...] | None:
        """Return (x, y, index image) of one part in one frame, None where it draws nothing."""
        start = self.sheets[sheet]["anims"].get(action)
        if start is None:
            return None
        spec = self.animations[action]
        row = self.directions.index(direction) if spec["dirs"] == 4 else 0
        at = start + row * spec["frames"] + frame
        x, y, w, h = (int(v) for v in self.boxes[at])
        if not w:
            return None
        offset = int(self.offsets[at])
        return x, y, self.pixels[offset : offset + w * h].reshape(h, w)

    # -- what can be seen and worn ------------------------------------------------------------

    def visible(
        self, who: Character, direction: str, frames: Iterable[int] | None = None, size: int = 64
    ) -> dict[str, int]:
        """Return {slot: most pixels shown in any of the frames}."""
        names = ["", "body", *self.slots]
        best = dict.fromkeys(names[1:], 0)
        for frame in sorted(set(frames if frames is not None else self.animations[who["action"]]["clip"])):
            owner = self.draw(who, direction, frame, size)[1]
            counts = np.bincount(owner.ravel(), minlength=len(names))
            best = {n: max(best[n], int(c)) for n, c in zip(names[1:], counts[1:], strict=True)}
        return best

    def cut_off(self, who: Character, direction: str, size: int = 64) -> float:
        """Return the largest share of weapon or wings that falls outside the canvas."""
        origin = (size - self.info["tile"]) // 2
        worst = 0.0
        for frame in sorted(set(self.animations[who["action"]]["clip"])):
            total = inside = 0
            for slot, x, y, index, _ in self._crops(who, who["action"], direction, frame):
                if slot in ("weapon", "wings"):
                    ys, xs = np.nonzero(index)
                    ys, xs = ys + y + origin, xs + x + origin
                    total += len(xs)
                    inside += int(((xs >= 0) & (xs < size) & (ys >= 0) & (ys < size)).sum())
            worst = max(worst, 1 - inside / total if total else 0.0)
        return worst

    def actions(self, species: str, build: str) -> list[str]:
        """Return the actions drawn for a body."""
        return self.species[species]["anims"].get(build, [])

    def choices(self, slot: str, species: str, build: str, action: str) -> list[str]:
        """Return the items of a slot that this body can wear in this action."""
        return [k for k in self.by_slot[slot] if action in self.items[k]["anims"].get(build, ())]

    def facings(self, action: str) -> list[str]:
        """Return the directions in which an action is drawn."""
        spec = self.animations[action]
        return list(self.directions) if spec["dirs"] == 4 else [spec["only"]]


def _clip_box(x: int, y: int, shape: tuple[int, ...], size: int) -> tuple[Any, ...] | None:
    """Return the canvas box and the matching slices of a crop, None where they miss each other."""
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + shape[1], size), min(y + shape[0], size)
    if x0 >= x1 or y0 >= y1:
        return None
    return (x0, y0, x1, y1), (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))


def blend(under: np.ndarray, over: np.ndarray) -> None:
    """Alpha-composite `over` onto `under` (straight RGBA) in place."""
    alpha = over[..., 3]
    solid = alpha == 255
    under[solid] = over[solid]
    soft = (alpha > 0) & ~solid
    if soft.any():
        top, bottom = over[soft].astype(np.float32), under[soft].astype(np.float32)
        a, b = top[:, 3:] / 255, bottom[:, 3:] / 255
        out = a + b * (1 - a)
        color = (top[:, :3] * a + bottom[:, :3] * b * (1 - a)) / np.maximum(out, 1e-6)
        under[soft] = np.concatenate([color, out * 255], 1).round().astype(np.uint8)


@lru_cache(maxsize=4)
def open_library(folder: str) -> Library:
    """Return a library, reading each folder once."""
    return Library.open(folder)
