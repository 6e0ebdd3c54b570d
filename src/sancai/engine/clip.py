"""Clip: the frames that a request made, and what is known about them."""

import base64
import dataclasses
import html
import json
import pathlib
from typing import Any

import numpy as np

from sancai import media
from sancai.errors import MediaError, RequestError

FPS = 8.0
MAX_SCALE = 32
NOTEBOOK_SIDE = 256
"""Clips are shown in notebooks at least this large, in pixels a side."""


@dataclasses.dataclass(frozen=True)
class Clip:
    """Frames, uint8 RGBA (F, H, W, 4); a picture is a clip of one frame.

    look: the description that it was drawn from; empty where the model drew from the prompt itself.
    metadata: what made it (prompt, look, seed, ...), written into files that can hold it.
    action: the action that was asked for, such as `walking`; loops: whether it repeats.
    """

    frames: np.ndarray
    look: str = ""
    metadata: dict[str, Any] = dataclasses.field(default_factory=dict)
    action: str = ""
    loops: bool = False

    def __len__(self) -> int:
        return len(self.frames)

    def upscaled(self, scale: int) -> "Clip":
        """Return the clip with every pixel as a square of scale × scale."""
        if not 1 <= scale <= MAX_SCALE:
            raise RequestError(f"scale is {scale}; choose 1 to {MAX_SCALE}")
        return dataclasses.replace(self, frames=media.enlarge(self.frames, scale))

    def with_colors(self, colors: np.ndarray | int) -> "Clip":
        """Return the clip with hard edges in these colours (N, 3) uint8, or in so many of its own."""
        reduced = media.reduce(self.frames, colors) if isinstance(colors, int) else media.snap(self.frames, colors)
        return dataclasses.replace(self, frames=reduced)

    def save(self, path: str | pathlib.Path, *, force: bool = True, fps: float = FPS) -> pathlib.Path:
        """Write PNG (one frame), GIF, WebP, APNG or MP4, by the suffix of `path`; `force` replaces an existing file."""
        path = pathlib.Path(path)
        media.check_writable(path, force)
        media.write_file(path, self.encode(path.suffix.lower(), fps), replace=force)
        return path

    def save_unused(self, path: str | pathlib.Path, *, fps: float = FPS) -> pathlib.Path:
        """Write a file as `save` does, under the first of the names `knight.png`, `knight-2.png`, … that is free.

        Returns: its path.  Processes that do this at once get different names.
        """
        path = pathlib.Path(path)
        return media.write_unused(path, self.encode(path.suffix.lower(), fps))

    def encode(self, suffix: str, fps: float = FPS) -> bytes:
        """Return the bytes of a file with this suffix."""
        playback = self._playback(fps, suffix)
        if len(self.frames) == 1 and suffix == ".png":
            return media.png_bytes(self.frames[0], playback.parameters)
        return media.animation_bytes(self.frames, suffix, playback)

    def save_sheet(self, path: str | pathlib.Path, *, force: bool = True, fps: float = FPS) -> pathlib.Path:
        """Write a sprite sheet: all frames in a row as PNG, and a JSON beside it that engines import."""
        path = pathlib.Path(path)
        if path.suffix.lower() != ".png":
            raise MediaError(f"a sprite sheet is a PNG; {path.name} is not: name it {path.stem}.png")
        json_path = path.with_suffix(".json")
        for target in (path, json_path):
            media.check_writable(target, force)
        playback = self._playback(fps, ".png")
        sheet = media.grid_sheet([media.SheetClip(path.stem, self.frames, playback)])
        media.write_file(path, media.png_bytes(sheet.pixels, playback.parameters), replace=force)
        media.write_file(json_path, media.sheet_json(sheet, path.name), replace=force)
        return path

    def _playback(self, fps: float, suffix: str) -> media.Playback:
        """Return how the file plays: previews always repeat, film only where the action does."""
        text = json.dumps(self.metadata, ensure_ascii=False) if self.metadata else None
        return media.Playback(fps=fps, loop=self.loops or suffix != ".mp4", parameters=text)

    # -- notebooks ----------------------------------------------------------------------------

    def _repr_png_(self) -> bytes:
        """Return what Jupyter shows: a PNG, animated where the clip has several frames."""
        side = max(self.frames.shape[1:3])
        return self.upscaled(min(max(NOTEBOOK_SIDE // side, 1), MAX_SCALE)).encode(".png")

    def _repr_html_(self) -> str:
        """Return what Jupyter shows first: the picture, with its prompt or look as title."""
        data = base64.b64encode(self._repr_png_()).decode()
        title = html.escape(str(self.look or self.metadata.get("prompt", "")), quote=True)
        return f'<img src="data:image/png;base64,{data}" title="{title}" style="image-rendering: pixelated">'
