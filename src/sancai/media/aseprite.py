"""Sheets → files of Aseprite (.aseprite), which Unity's and Godot's importers read too.

One layer, one cel a frame, one tag a clip (github.com/aseprite/aseprite, docs/ase-file-specs.md).
"""

import struct
import zlib

from sancai.media.sheet import Sheet

FILE_MAGIC, FRAME_MAGIC = 0xA5E0, 0xF1FA
LAYER, CEL, TAGS = 0x2004, 0x2005, 0x2018
COMPRESSED = 2
VISIBLE_AND_EDITABLE = 3
DEPTH = 32
"""Bits a pixel: RGBA."""


def aseprite_bytes(sheet: Sheet) -> bytes:
    """Return a file of all frames of a sheet, one after the other, with a tag for every clip."""
    frames = b""
    for number, (_, corner, duration) in enumerate(sheet.frames()):
        chunks = [_cel(sheet.cut(corner).tobytes(), sheet.frame)]
        if number == 0:
            chunks = [_layer("character"), _tags(sheet), *chunks]
        frames += _frame(chunks, duration)
    count = sum(len(clip.corners) for clip in sheet.clips)
    width, height = sheet.frame
    has_layer_opacity = 1
    fields = struct.pack("<HHHHHIH", FILE_MAGIC, count, width, height, DEPTH, has_layer_opacity, 0)
    square_pixels = struct.pack("<8xB3xHBB", 0, 0, 1, 1)
    header = (fields + square_pixels).ljust(124, b"\0")
    return struct.pack("<I", 4 + len(header) + len(frames)) + header + frames


def _frame(chunks: list[bytes], duration: int) -> bytes:
    body = b"".join(chunks)
    return struct.pack("<IHHH2xI", 16 + len(body), FRAME_MAGIC, len(chunks), duration, len(chunks)) + body


def _chunk(kind: int, data: bytes) -> bytes:
    return struct.pack("<IH", 6 + len(data), kind) + data


def _text(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack("<H", len(encoded)) + encoded


def _layer(name: str) -> bytes:
    normal_image, opaque = (0, 0, 0, 0, 0), 255
    return _chunk(LAYER, struct.pack("<HHHHHHB3x", VISIBLE_AND_EDITABLE, *normal_image, opaque) + _text(name))


def _cel(pixels: bytes, size: tuple[int, int]) -> bytes:
    opaque = 255
    place = struct.pack("<HhhBHh5x", 0, 0, 0, opaque, COMPRESSED, 0)
    return _chunk(CEL, place + struct.pack("<HH", *size) + zlib.compress(pixels))


def _tags(sheet: Sheet) -> bytes:
    data, first = struct.pack("<H8x", len(sheet.clips)), 0
    for clip in sheet.clips:
        last = first + len(clip.corners) - 1
        forever, once = 0, 1
        data += struct.pack("<HHBH6x3xx", first, last, 0, forever if clip.loop else once) + _text(clip.name)
        first = last + 1
    return _chunk(TAGS, data)
