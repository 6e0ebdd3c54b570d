"""Which colours the art uses for each phrase of a look: looked up in every frame's indices, not guessed."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from sancai.data.characters.library import Library
from sancai.data.characters.look import BODY, EYES, SKIN, Looks, LookVocabulary

OPAQUE = 128
"""Alpha from which a pixel counts; the art's few soft pixels below it have no colour of their own."""
Tones = dict[tuple[str, str], dict[tuple[int, int, int], None]]
"""(slot, phrase) → its colours, in the order found."""


def vocabulary(library: Library) -> LookVocabulary:
    """Return every phrase of a look with the colours that the art uses for it in any frame."""
    looks = Looks(library)
    tones: Tones = defaultdict(dict)
    used = [_used(library, number) for number in range(len(library.sheets))]
    for species, spec in library.species.items():
        for build, sheet, color in _sheets(spec["layers"], spec["anims"]):
            _add_body(tones, looks, (species, build), (sheet, color), used[sheet])
    for (key, color), phrase in looks.items.items():
        item = library.items[key]
        for _, sheet, fixed in _sheets(item["layers"], item["anims"]):
            table = library.palette(sheet, fixed or color, None)
            _add(tones, (item["slot"], phrase), table[used[sheet]])
    slots = looks.vocabulary.slots
    return LookVocabulary({s: {p: [list(t) for t in tones[s, p]] for p in phrases} for s, phrases in slots.items()})


def _sheets(layers: Iterable[dict[str, Any]], builds: Iterable[str]) -> Iterator[tuple[str, int, str | None]]:
    """Yield (build, sheet, fixed colour or None) of layers, for the builds that are drawn."""
    for layer in layers:
        for build in builds:
            if build in layer["sheets"]:
                yield build, layer["sheets"][build], layer["color"]


def _used(library: Library, sheet: int) -> np.ndarray:
    """Return the palette indices that any frame of a sheet uses, without 0 for nothing: uint8 (N,)."""
    found = [np.zeros(1, np.uint8)]
    for action, start in library.sheets[sheet]["anims"].items():
        spec = library.animations[action]
        for at in range(start, start + spec["frames"] * spec["dirs"]):
            _, _, width, height = (int(v) for v in library.boxes[at])
            offset = int(library.offsets[at])
            found.append(np.unique(library.pixels[offset : offset + width * height]))
    used = np.unique(np.concatenate(found))
    return used[used > 0]


def _add_body(
    tones: Tones, looks: Looks, body: tuple[str, str], sheet: tuple[int, str | None], used: np.ndarray
) -> None:
    """Add the colours of one sheet of a body: to its skins and eyes what they change, to the body the rest."""
    library, (number, fixed) = looks.library, sheet
    info = library.sheets[number]
    materials = info.get("materials", ())
    start = info["palette"]
    which = library.ramps[start : start + info["size"], 0][used] if materials else np.full(len(used), -1)
    skins = list(library.species[body[0]]["skins"])
    for skin in [fixed] if fixed or not skins else skins:
        table = library.palette(number, skin, None)[used]
        _add(tones, (BODY, looks.bodies[body]), table[which < 0] if skins else table)
        if skins and not fixed:
            _add(tones, (SKIN, looks.skins[body[0], skin]), table[which == 0])
    if "eye" in materials:
        for eyes, phrase in looks.eyes.items():
            _add(tones, (EYES, phrase), library.palette(number, skins[0] if skins else fixed, eyes)[used][which == 1])


def _add(tones: Tones, key: tuple[str, str], table: np.ndarray) -> None:
    """Add the opaque colours of a table (N, 4) to a phrase."""
    for red, green, blue, alpha in table.tolist():
        if alpha >= OPAQUE:
            tones[key][red, green, blue] = None
