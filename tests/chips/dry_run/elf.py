"""What a shared library of a 64-bit little-endian Linux asks for and offers, read from its ELF tables."""

import mmap
import pathlib
import re
import struct
from dataclasses import dataclass

DYNAMIC, DYNSYM = 6, 11
NEEDED = 1
WEAK = 2


@dataclass(frozen=True)
class Library:
    """One library.

    needed: libraries it is linked with.  asked: undefined names.  offered: names it defines.
    texts: printable constants, among which are the names that it looks up as it runs.
    """

    needed: frozenset[str]
    asked: frozenset[str]
    offered: frozenset[str]
    texts: frozenset[str]


@dataclass(frozen=True)
class _Section:
    kind: int
    offset: int
    size: int
    link: int


def read_library(path: pathlib.Path) -> Library:
    """Return the names in a library."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:6] != b"\x7fELF\x02\x01":
            raise ValueError(f"{path} is no 64-bit little-endian ELF file")
        sections = _sections(data)
        symbols = next(s for s in sections if s.kind == DYNSYM)
        asked, offered = _symbols(data, symbols, sections)
        return Library(_needed(data, sections), asked, offered, _texts(data))


def _sections(data: mmap.mmap) -> list[_Section]:
    (start,) = struct.unpack_from("<Q", data, 0x28)
    size, count = struct.unpack_from("<HH", data, 0x3A)
    out = []
    for number in range(count):
        _, kind, _, _, offset, length, link = struct.unpack_from("<IIQQQQI", data, start + number * size)
        out.append(_Section(kind, offset, length, link))
    return out


def _bytes(data: mmap.mmap, section: _Section) -> bytes:
    return data[section.offset : section.offset + section.size]


def _text(data: mmap.mmap, start: int) -> str:
    return data[start : data.find(b"\0", start)].decode()


def _symbols(data: mmap.mmap, symbols: _Section, sections: list[_Section]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the undefined names and the defined names."""
    names = sections[symbols.link].offset
    asked, offered = set(), set()
    for name, info, _, section, _, _ in struct.iter_unpack("<IBBHQQ", _bytes(data, symbols)):
        if section:
            offered.add(_text(data, names + name))
        elif name and info >> 4 != WEAK:
            asked.add(_text(data, names + name))
    return frozenset(asked), frozenset(offered)


def _needed(data: mmap.mmap, sections: list[_Section]) -> frozenset[str]:
    dynamic = next(s for s in sections if s.kind == DYNAMIC)
    names = sections[dynamic.link].offset
    entries = struct.iter_unpack("<QQ", _bytes(data, dynamic))
    return frozenset(_text(data, names + value) for tag, value in entries if tag == NEEDED)


def _texts(data: mmap.mmap) -> frozenset[str]:
    return frozenset(m[1].decode() for m in re.finditer(rb"\0([A-Za-z_]\w{2,127})(?=\0)", data))
