"""Builds the character pack: lpc.json, lpc.npz and CREDITS.csv in one folder.

    summary = prepare(pathlib.Path("lpc-generator"), None, pathlib.Path("packs/characters"))

The art is that of the Universal LPC Spritesheet Character Generator; DATA.md names repository and commit.
"""

import io
import json
import os
import pathlib
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sancai.data.characters.library import Library
from sancai.data.characters.prepare import catalog
from sancai.data.characters.prepare.credits import Credit, CreditTable, credit_part
from sancai.data.characters.prepare.sheets import Crops, Sheet, index_sheet, mark_ramps, rgb
from sancai.data.characters.prepare.snapshot import Snapshot
from sancai.errors import DataError

FILES = ("CREDITS.csv", "lpc.npz", "lpc.json")
"""In the order of writing: the manifest comes last."""
CELL = 32
Layers = list[dict[str, Any]]


@dataclass(frozen=True)
class PackSummary:
    """What a finished pack holds."""

    commit: str
    species: int
    items: int
    sheets: int
    frames: int
    pixels: int


def prepare(characters: pathlib.Path, grounds: pathlib.Path | None, out: pathlib.Path) -> PackSummary:
    """Build a pack from git repositories of art.

    Args:
        characters: clone or bare git folder of the character art.
        grounds: the same for the ground tiles; None leaves grounds out.
        out: folder to write to, made if needed.

    Raises:
        DataError: art that is missing, not free or of another shape, or a folder that cannot be written.
    """
    with Snapshot(characters) as art:
        builder = PackBuilder(art)
        species, items = builder.species(), builder.items()
    words, arrays = {}, builder.arrays()
    if grounds is not None:
        with Snapshot(grounds) as tiles:
            arrays["grounds"] = np.stack([_ground(tiles, *place[:2]) for place in catalog.GROUNDS.values()])
        words = {name: place[2] for name, place in catalog.GROUNDS.items()}
        builder.credits.add(Credit(**catalog.GROUND_CREDIT))
    info = builder.manifest() | {"species": species, "items": items, "grounds": words}
    summary = check_pack(Library(info, arrays))
    _write(out, _files(info, arrays, builder.credits))
    return summary


def adopt_pack(folder: pathlib.Path, out: pathlib.Path) -> PackSummary:
    """Copy a finished pack after checking that characters can be drawn from it.

    Raises:
        DataError: a pack that is missing or damaged, or a folder that cannot be written.
    """
    try:
        _check_archive(folder / "lpc.npz")
        summary = check_pack(Library.open(folder))
    except (zipfile.BadZipFile, zlib.error, EOFError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"the character pack in {folder} is damaged ({error}); build or download it again") from error
    if not (folder / "CREDITS.csv").is_file():
        raise DataError(
            f"the character pack in {folder} has no CREDITS.csv; its art may only be passed on with its credits; "
            "take the pack with all three files"
        )
    _write(out, {name: (folder / name).read_bytes() for name in FILES})
    return summary


def _check_archive(path: pathlib.Path) -> None:
    """Read an archive once in full, so that damage anywhere in it is found."""
    if path.is_file():
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
        if broken is not None:
            raise zipfile.BadZipFile(f"{broken} in {path.name} has a wrong checksum")


def check_pack(library: Library) -> PackSummary:
    """Return what a pack holds; refuse one whose parts do not fit each other."""
    problems = [*_array_problems(library), *_sheet_problems(library)]
    if problems:
        raise DataError(
            f"the character pack is damaged: {'; '.join(problems[:5])} ({len(problems)} in all); "
            "build or download it again"
        )
    return PackSummary(
        commit=library.info.get("commit", ""), species=len(library.species), items=len(library.items),
        sheets=len(library.sheets), frames=len(library.boxes), pixels=len(library.pixels),
    )  # fmt: skip


def _array_problems(library: Library) -> Iterable[str]:
    if len(library.boxes) != len(library.offsets):
        yield f"expected as many offsets as boxes ({len(library.boxes)}), got {len(library.offsets)}"
        return
    areas = library.boxes[:, 2].astype(np.int64) * library.boxes[:, 3]
    reach = int((library.offsets + areas).max(initial=0))
    if reach > len(library.pixels):
        yield f"expected {reach} pixels, got {len(library.pixels)}"
    if len(library.palettes) != len(library.ramps):
        yield f"expected as many ramps as colours ({len(library.palettes)}), got {len(library.ramps)}"


def _sheet_problems(library: Library) -> Iterable[str]:
    for number, sheet in enumerate(library.sheets):
        ends = [start + _frame_count(library.animations[action]) for action, start in sheet["anims"].items()]
        if max(ends, default=0) > len(library.boxes):
            yield f"sheet {number} expects {max(ends)} frames, got {len(library.boxes)}"
        colors = sheet["palette"] + sheet["size"] * len(sheet.get("colors", [""]))
        if colors > len(library.palettes):
            yield f"sheet {number} expects {colors} colours, got {len(library.palettes)}"
    used = [n for thing in (*library.species.values(), *library.items.values()) for n in _sheet_numbers(thing)]
    if max(used, default=0) >= len(library.sheets):
        yield f"expected {max(used) + 1} sheets, got {len(library.sheets)}"


def _frame_count(spec: Mapping[str, Any]) -> int:
    return spec["frames"] * spec["dirs"]


def _sheet_numbers(thing: Mapping[str, Any]) -> Iterable[int]:
    return (number for layer in thing["layers"] for number in layer["sheets"].values())


# -- reading the art ---------------------------------------------------------------------------


class PackBuilder:
    """Collects sheets, species and items from one snapshot of the art."""

    def __init__(self, art: Snapshot) -> None:
        self.art = art
        self.definitions = _definitions(art)
        self.palettes = {m: art.json(f"palette_definitions/{name}") for m, name in catalog.RAMP_FILES.items()}
        self.credits = CreditTable(art.read("CREDITS.csv").decode("utf-8"))
        self.crops = Crops()
        self.sheets: list[Sheet] = []
        self._known: dict[tuple[str, str | None, tuple[str, ...]], int | None] = {}

    def species(self) -> dict[str, Any]:
        """Return all species of the catalog."""
        return {name: self._one_species(name, spec) for name, spec in catalog.SPECIES.items()}

    def items(self) -> dict[str, Any]:
        """Return all items of the catalog."""
        return {name: self._item(name, spec) for name, spec in catalog.ITEMS.items()}

    def manifest(self) -> dict[str, Any]:
        """Return the pack's words, all but species, items and grounds."""
        starts = np.cumsum([0, *(sheet.palettes.shape[0] * sheet.palettes.shape[1] for sheet in self.sheets)])
        return {
            "format": "lpc-sprite-pack", "version": 1, "commit": self.art.commit, "tile": catalog.TILE,
            "directions": catalog.DIRECTIONS, "direction_words": catalog.DIRECTION_WORDS,
            "animations": catalog.ANIMATIONS, "slots": catalog.SLOTS, "flat_hair": catalog.FLAT_HAIR,
            "hair_words": catalog.HAIR, "eye_words": catalog.EYE,
            "ramps": {m: {c: [rgb(x) for x in ramp] for c, ramp in p.items()} for m, p in self.palettes.items()},
            "sheets": [sheet.entry(int(start)) for sheet, start in zip(self.sheets, starts[:-1], strict=True)],
        }  # fmt: skip

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the pack's arrays."""
        palettes = np.concatenate([sheet.palettes.reshape(-1, 4) for sheet in self.sheets]).astype(np.uint8)
        ramps = np.concatenate([sheet.ramps() for sheet in self.sheets])
        return self.crops.arrays() | {"palettes": palettes, "ramps": ramps}

    def _one_species(self, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        skins = [skin for skin in spec["skins"] if skin]
        fixed = spec.get("fixed_color")
        layers = self._part(spec.get("body", "body"), fixed, skins)
        for build in catalog.BODIES:
            head = self._part(spec["heads"][build], fixed, skins)
            layers += [
                {**layer, "sheets": {build: layer["sheets"][build]}} for layer in head if build in layer["sheets"]
            ]
        for extra in spec.get("extra", ()):
            layers += self._part(extra, None, skins)
        builds = [spec["only_build"]] if "only_build" in spec else list(catalog.BODIES)
        return {
            "phrase": spec["phrase"], "layers": layers,
            "anims": {build: self._common_actions(name, layers, build) for build in builds},
            "skins": {skin: catalog.SKIN[skin] for skin in skins},
            **{k: spec[k] for k in ("skin_word", "hair", "beard", "face", "weight") if k in spec},
        }  # fmt: skip

    def _common_actions(self, name: str, layers: Layers, build: str) -> list[str]:
        """Return the actions in which every layer of a body is drawn."""
        drawn = [set(self.sheets[layer["sheets"][build]].anims) for layer in layers if build in layer["sheets"]]
        if not drawn:
            raise DataError(f"the art has no body for the {build} of species {name}; use the commit named in DATA.md")
        return sorted(set.intersection(*drawn))

    def _item(self, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        skipped = spec.get("skip_colors", ())
        colors = {color: word for color, word in (spec["colors"] or {}).items() if color not in skipped}
        groups = [self._part(part, color, list(colors)) for part, color in spec["parts"]]
        drawn = {build: self._item_actions(spec, groups, build) for build in spec.get("builds", catalog.BODIES)}
        unseen = set(catalog.UNSEEN.get(spec["slot"], ()))
        anims = {build: sorted(actions | unseen) for build, actions in drawn.items() if actions}
        if not anims:
            raise DataError(
                f"the art has no sheet for the item {name} ({', '.join(part for part, _ in spec['parts'])}); "
                "use the commit named in DATA.md"
            )
        return {
            "slot": spec["slot"], "phrase": spec["phrase"], "colors": colors, "anims": anims,
            "layers": [layer for group in groups for layer in group],
            **{k: spec[k] for k in ("hair", "full", "hides_face") if k in spec},
        }  # fmt: skip

    def _item_actions(self, spec: Mapping[str, Any], groups: list[Layers], build: str) -> set[str]:
        """Return the actions in which all parts of an item are drawn; only shooting draws a weapon's arrow."""
        needed = groups[:1] if spec["slot"] == "weapon" else groups
        return set.intersection(*(self._actions(group, build) for group in needed))

    def _actions(self, layers: Layers, build: str) -> set[str]:
        sheets = [layer["sheets"][build] for layer in layers if build in layer["sheets"]]
        return {action for number in sheets for action in self.sheets[number].anims}

    def _part(self, name: str, color: str | None, colors: list[str]) -> Layers:
        """Return all layers of one definition: z, fixed colour, sheet of each build."""
        if name not in self.definitions:
            raise DataError(
                f"{self.art.folder} does not define the part {name}: expected sheet_definitions/…/{name}.json; "
                "use the repository and commit named in DATA.md"
            )
        definition = self.definitions[name]
        variants = [] if definition.get("recolors") else [color] if color else colors
        layers = []
        for key in sorted(key for key in definition if key.startswith("layer_")):
            sheets = self._layer_sheets(name, definition[key], variants)
            if sheets:
                layers.append({"z": definition[key]["zPos"], "color": color, "sheets": sheets})
        return layers

    def _layer_sheets(self, name: str, layer: Mapping[str, Any], variants: list[str]) -> dict[str, int]:
        found = {}
        for build, body in catalog.BODIES.items():
            if layer.get(body) is not None:
                base = layer[body].replace("${head}", body)
                number = self._sheet(name, base, layer.get("custom_animation"), variants)
                if number is not None:
                    found[build] = number
        return found

    def _sheet(self, name: str, base: str, custom: str | None, variants: list[str]) -> int | None:
        """Return the number of a sheet, read on first use; None if the art has no such pictures."""
        key = (base, custom, tuple(variants))
        if key not in self._known:
            self._known[key] = self._read_sheet(name, base, custom, variants)
        return self._known[key]

    def _read_sheet(self, name: str, base: str, custom: str | None, variants: list[str]) -> int | None:
        sources = self._sources(base, custom, variants, recolored=bool(self.definitions[name].get("recolors")))
        if not sources:
            return None
        self.credits.add(credit_part(name, self.definitions[name]["credits"], base))
        sheet = index_sheet(sources, custom, self.crops)
        if self.definitions[name].get("recolors"):
            mark_ramps(sheet, [self._ramp(part) for part in _recolored(self.definitions[name]["recolors"])])
        else:
            sheet.colors = variants
        self.sheets.append(sheet)
        return len(self.sheets) - 1

    def _sources(self, base: str, custom: str | None, variants: list[str], *, recolored: bool) -> dict[str, np.ndarray]:
        """Return the pictures of each action that is drawn in every variant: uint8 [variants, height, width, 4]."""
        found = {}
        for action in catalog.ANIMATIONS:
            if custom:
                fits = custom.split("_")[0] == action and "reverse" not in custom
                paths = [f"{base}{color}.png" for color in variants if fits]
            else:
                paths = [f"{base}{action}.png"] if recolored else [f"{base}{action}/{color}.png" for color in variants]
            if paths and all(f"spritesheets/{path}" in self.art for path in paths):
                for path in (*paths, f"{base}{action}.png"):
                    self.credits.check_file(path)
                found[action] = np.stack([self.art.image(f"spritesheets/{path}") for path in paths])
        return found

    def _ramp(self, part: Mapping[str, Any]) -> tuple[str, list[str]]:
        """Return the material of a recolourable part and the colours in which it was drawn."""
        material = part["material"]
        if part.get("source"):
            return material, part["source"]
        version, _, color = (part.get("base") or catalog.DEFAULT_BASE[material]).rpartition(".")
        if version in ("", "ulpc"):
            return material, self.palettes[material][color]
        return material, self.art.json(f"palette_definitions/{material}/{material}_{version}.json")[color]


def _definitions(art: Snapshot) -> dict[str, Any]:
    """Return the part definitions of the art by name."""
    paths = [pathlib.PurePosixPath(p) for p in art.blobs if p.startswith("sheet_definitions/") and p.endswith(".json")]
    if not paths:
        raise DataError(
            f"{art.folder} has no sheet_definitions: expected the art of the LPC character generator; "
            "use the repository and commit named in DATA.md"
        )
    return {path.stem: art.json(str(path)) for path in paths if not path.stem.startswith("meta_")}


def _recolored(recolors: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the recolourable parts of a definition: one, or several called color_1, color_2, …"""
    return [recolors[key] for key in sorted(recolors) if key.startswith("color_")] or [recolors]


def _ground(tiles: Snapshot, path: str, cells: list[tuple[int, int]]) -> np.ndarray:
    """Return a ground patch of four cells: uint8 [64, 64, 3]."""
    image = tiles.image(path)
    found = [image[y * CELL : (y + 1) * CELL, x * CELL : (x + 1) * CELL] for x, y in cells]
    if any(cell.shape != (CELL, CELL, 4) or (cell[..., 3] < 255).any() for cell in found):
        raise DataError(f"a ground cell of {path} in {tiles.folder} is not solid; use the commit named in DATA.md")
    return np.concatenate([np.concatenate(found[:2], 1), np.concatenate(found[2:], 1)])[..., :3]


# -- writing -----------------------------------------------------------------------------------


def _files(info: Mapping[str, Any], arrays: Mapping[str, np.ndarray], table: CreditTable) -> dict[str, bytes]:
    packed = io.BytesIO()
    np.savez_compressed(packed, allow_pickle=False, **arrays)
    return {
        "CREDITS.csv": table.text().encode(),
        "lpc.npz": packed.getvalue(),
        "lpc.json": json.dumps(info, separators=(",", ":")).encode(),
    }


def _write(out: pathlib.Path, files: Mapping[str, bytes]) -> None:
    """Write all files beside their places, then move each into place."""
    partial = {name: out / f".{name}.{os.getpid()}.partial" for name in FILES}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            partial[name].write_bytes(files[name])
        for name in FILES:
            partial[name].replace(out / name)
    except OSError as error:
        raise DataError(f"cannot write the pack to {out} ({error}); choose a folder that can be written") from error
    finally:
        if out.is_dir():
            for path in partial.values():
                path.unlink(missing_ok=True)
