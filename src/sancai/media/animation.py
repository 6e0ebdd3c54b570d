"""Clips → animation files: GIF, WebP, APNG and MP4."""

import io
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from PIL import Image

from sancai.errors import MediaError
from sancai.media.picture import png_info

CLEAR_INDEX = 255
GIF_TICK = 10
"""Resolution of a GIF's delays, in milliseconds."""
GIF_SHORTEST = 20
"""Browsers play a GIF delay of 10 ms or less as 100 ms, so no frame gets less than this (50 frames a second)."""
HD_HEIGHT = 720
"""From this height on, players take an untagged video for BT.709; below it for BT.601."""


@dataclass(frozen=True, kw_only=True)
class Playback:
    """How a clip plays, and what is written beside its pixels: `parameters` says what made it."""

    fps: float
    loop: bool = True
    parameters: str | None = None

    def durations(self, count: int, tick: int = 1, shortest: int = 1) -> list[int]:
        """Return how long each of `count` frames stays, in ms.

        Multiples of `tick` whose sum keeps the clip's length, unless `shortest` slows it down.
        """
        ends = [round(n * 1000 / self.fps / tick) * tick for n in range(count + 1)]
        return [max(end - start, shortest) for start, end in itertools.pairwise(ends)]


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
    times = playback.durations(len(pictures), GIF_TICK, GIF_SHORTEST)
    options: dict[str, object] = {"loop": 0} if playback.loop else {}
    if playback.parameters:
        options["comment"] = playback.parameters.encode()
    return _save(pictures, "GIF", times, transparency=CLEAR_INDEX, disposal=2, optimize=False, **options)


def _webp(frames: np.ndarray, playback: Playback) -> bytes:
    """Every frame stands alone (kmax): as differences, clear pixels come back opaque from Pillow's encoder."""
    times, loop = playback.durations(len(frames)), 0 if playback.loop else 1
    return _save(_pictures(frames), "WEBP", times, lossless=True, exact=True, loop=loop, kmin=1, kmax=1)


def _apng(frames: np.ndarray, playback: Playback) -> bytes:
    """Frames overwrite each other: with disposal to clear, Pillow would drop wholly clear frames."""
    times, loop = playback.durations(len(frames)), 0 if playback.loop else 1
    info = png_info(playback.parameters)
    return _save(_pictures(frames), "PNG", times, loop=loop, disposal=0, blend=0, pnginfo=info)


def _save(pictures: list[Image.Image], kind: str, times: list[int], **options: object) -> bytes:
    buffer = io.BytesIO()
    first, *others = pictures
    first.save(buffer, kind, save_all=True, append_images=others, duration=times, **options)
    return buffer.getvalue()


def _mp4(frames: np.ndarray, playback: Playback) -> bytes:
    """Encode on white, as MP4 has no transparency; a loop is written three times over, so that players show it."""
    flat = _on_white(frames)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(playback.fps).limit_denominator(1000))
        stream.height, stream.width = flat.shape[1:3]
        stream.pix_fmt, stream.options = "yuv420p", {"crf": "12"}
        space, tag = _color_space(stream.height)
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = tag
        context.color_range = ColorRange.MPEG
        for picture in np.concatenate([flat] * (3 if playback.loop else 1)):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=space, dst_color_range=ColorRange.MPEG)
            frame.color_primaries = frame.color_trc = tag
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return buffer.getvalue()


def _color_space(height: int) -> tuple[Colorspace, int]:
    """Return the matrix that players assume for this height without tags, and its tag (ITU-T H.273)."""
    return (Colorspace.ITU709, 1) if height >= HD_HEIGHT else (Colorspace.ITU601, 6)


def _on_white(frames: np.ndarray) -> np.ndarray:
    """Return RGB frames (F, H, W, 3) on white, padded to even sides (yuv420p halves them)."""
    alpha = frames[..., 3:].astype(np.float32) / 255
    flat = (frames[..., :3] * alpha + 255 * (1 - alpha)).round().astype(np.uint8)
    odd = [(0, 0), (0, flat.shape[1] % 2), (0, flat.shape[2] % 2), (0, 0)]
    return np.pad(flat, odd, constant_values=255)
