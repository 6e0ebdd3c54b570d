"""Clips → animation files: GIF, WebP, APNG, MP4, and sprite sheets with JSON."""

import io
import itertools
import json
import pathlib
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from PIL import Image

from sancai.errors import MediaError
from sancai.media.picture import png_bytes, png_info

CLEAR_INDEX = 255
GIF_TICK = 10
"""Milliseconds of GIF's clock."""


@dataclass(frozen=True, kw_only=True)
class Playback:
    """How a clip plays, and what is written beside its pixels: `parameters` says what made it."""

    fps: float
    loop: bool = True
    parameters: str | None = None

    def durations(self, count: int, tick: int = 1) -> list[int]:
        """Return how long each of `count` frames stays, in ms; ticks round, the whole clip keeps its length."""
        ends = [round(n * 1000 / self.fps / tick) * tick for n in range(count + 1)]
        return [end - start for start, end in itertools.pairwise(ends)]


def animation_bytes(frames: np.ndarray, suffix: str, playback: Playback) -> bytes:
    """Return a file of frames (F, H, W, 4) in the format of `suffix`."""
    makers: dict[str, Callable[[np.ndarray, Playback], bytes]] = {
        ".gif": _gif, ".webp": _webp, ".apng": _apng, ".png": _apng, ".mp4": _mp4,
    }  # fmt: skip
    if suffix not in makers:
        raise MediaError(f"cannot write {suffix or 'a file without suffix'}; use one of {', '.join(makers)}")
    return makers[suffix](frames, playback)


def _pictures(frames: np.ndarray) -> list[Image.Image]:
    return [Image.fromarray(frame, "RGBA") for frame in frames]


def _gif(frames: np.ndarray, playback: Playback) -> bytes:
    """GIF knows 255 colours and clear: one palette for all frames keeps colours steady."""
    solid = frames[..., 3] > 127
    shared = Image.fromarray(frames[..., :3].reshape(-1, frames.shape[2], 3), "RGB").quantize(
        CLEAR_INDEX, dither=Image.Dither.NONE
    )
    palette = (shared.getpalette() or [])[: CLEAR_INDEX * 3]
    palette += [0] * (768 - len(palette))
    indices = np.array(shared).reshape(solid.shape)
    pictures = []
    for index, visible in zip(indices, solid, strict=True):
        picture = Image.fromarray(np.where(visible, index, CLEAR_INDEX).astype(np.uint8), "P")
        picture.putpalette(palette)
        pictures.append(picture)
    times = playback.durations(len(pictures), GIF_TICK)
    options: dict[str, object] = {"loop": 0} if playback.loop else {}
    if playback.parameters:
        options["comment"] = playback.parameters.encode()
    return _save(pictures, "GIF", times, transparency=CLEAR_INDEX, disposal=2, optimize=False, **options)


def _webp(frames: np.ndarray, playback: Playback) -> bytes:
    """Every frame stands alone (kmax): as differences, clear pixels come back opaque from Pillow's encoder."""
    times, loop = playback.durations(len(frames)), 0 if playback.loop else 1
    return _save(_pictures(frames), "WEBP", times, lossless=True, exact=True, loop=loop, kmin=1, kmax=1)


def _apng(frames: np.ndarray, playback: Playback) -> bytes:
    times, loop = playback.durations(len(frames)), 0 if playback.loop else 1
    info = png_info(playback.parameters)
    return _save(_pictures(frames), "PNG", times, loop=loop, disposal=1, blend=0, pnginfo=info)


def _save(pictures: list[Image.Image], kind: str, times: list[int], **options: object) -> bytes:
    buffer = io.BytesIO()
    first, *others = pictures
    first.save(buffer, kind, save_all=True, append_images=others, duration=times, **options)
    return buffer.getvalue()


def _mp4(frames: np.ndarray, playback: Playback) -> bytes:
    """MP4 has no transparency: the clip lies on white, three times over so that players show it."""
    alpha = frames[..., 3:].astype(np.float32) / 255
    flat = (frames[..., :3] * alpha + 255 * (1 - alpha)).round().astype(np.uint8)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(playback.fps).limit_denominator(1000))
        stream.height, stream.width = flat.shape[1] // 2 * 2, flat.shape[2] // 2 * 2
        stream.pix_fmt, stream.options = "yuv420p", {"crf": "12"}
        for picture in np.concatenate([flat] * (3 if playback.loop else 1)):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[: stream.height, : stream.width]), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return buffer.getvalue()


def sheet_bytes(frames: np.ndarray, name: str, tag: str, playback: Playback) -> tuple[bytes, bytes]:
    """Return a sprite sheet (one row, PNG) and its description in Aseprite's JSON layout."""
    count, height, width, _ = frames.shape
    times = playback.durations(count)
    row = np.ascontiguousarray(frames.transpose(1, 0, 2, 3).reshape(height, count * width, 4))
    places = [
        {
            "filename": f"{pathlib.PurePath(name).stem} {number}",
            "frame": {"x": number * width, "y": 0, "w": width, "h": height},
            "rotated": False,
            "trimmed": False,
            "spriteSourceSize": {"x": 0, "y": 0, "w": width, "h": height},
            "sourceSize": {"w": width, "h": height},
            "duration": times[number],
        }
        for number in range(count)
    ]
    meta = {
        "app": "sancai", "version": "1.0", "image": name, "format": "RGBA8888",
        "size": {"w": count * width, "h": height}, "scale": "1",
        "frameTags": [{"name": tag, "from": 0, "to": count - 1, "direction": "forward"}],
    }  # fmt: skip
    return png_bytes(row, playback.parameters), json.dumps({"frames": places, "meta": meta}, indent=1).encode()
