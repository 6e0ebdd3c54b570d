"""A small character pack drawn entirely by code: no art, no files, the same format as a finished pack.

    library = synthetic_library()
    who, direction = draw_character(library, random.Random(1))

Tests and first tries need no download.  All frames of one sheet are drawn together: masks and index
images have the shape [frames, 64, 64], with the frames in the order of `FRAMES`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from sancai.data.characters.library import Library

Mask: TypeAlias = np.ndarray
"""bool [frames, 64, 64]."""
Point: TypeAlias = tuple[np.ndarray, np.ndarray]
"""x and y, each float32 [frames]."""
Rows: TypeAlias = tuple[np.ndarray | float, np.ndarray | float]

TILE = 64
CENTER = 31.5
DIRECTIONS = ["north", "west", "south", "east"]
ANIMATIONS: dict[str, dict[str, Any]] = {
    "walk": {"frames": 9, "dirs": 4, "clip": [1, 2, 3, 4, 5, 6, 7, 8], "loop": True,
             "verb": "walks", "ing": "walking"},
    "idle": {"frames": 2, "dirs": 4, "clip": [0, 0, 0, 0, 1, 1, 1, 1], "loop": True,
             "verb": "stands", "ing": "standing"},
    "slash": {"frames": 6, "dirs": 4, "clip": [0, 1, 2, 3, 4, 5, 5, 5], "loop": False,
              "verb": "swings", "ing": "swinging"},
    "hurt": {"frames": 6, "dirs": 1, "only": "south", "clip": [0, 1, 2, 3, 4, 5, 5, 5], "loop": False,
             "verb": "collapses", "ing": "collapsing"},
}  # fmt: skip
UPRIGHT = ("walk", "idle", "slash")
BUILDS = ("man", "woman")
SLOTS = ["hair", "hat", "top", "bottom", "cape", "weapon"]
FRAMES = [
    (action, direction, frame)
    for action, spec in ANIMATIONS.items()
    for direction in (DIRECTIONS if spec["dirs"] == 4 else [spec["only"]])
    for frame in range(spec["frames"])
]

MIDDLE = {
    "body": {"light": (228, 164, 124), "bronze": (140, 88, 56), "green": (96, 150, 70), "blue": (90, 120, 180)},
    "hair": {"black": (44, 40, 48), "blonde": (226, 190, 96), "red": (170, 52, 36), "white": (222, 222, 228)},
    "cloth": {"red": (190, 40, 44), "green": (48, 140, 62), "blue": (52, 84, 190), "brown": (120, 80, 48)},
    "metal": {"steel": (160, 168, 180), "copper": (184, 110, 64), "gold": (226, 180, 60)},
    "eye": {"brown": (110, 66, 30), "blue": (40, 96, 210), "green": (36, 140, 60)},
}
"""The middle tone of each colour; ramps are made from it."""
SHADES = (0.28, 0.68, 1.0, 1.22)
"""Outline, shadow, middle, light: the palette indices 1 to 4."""
EYE, DARK, WHITE = 5, 6, 7
BONE = (224, 220, 200)
WORDS = {"gold": "golden", "light": "fair", "bronze": "brown"}

_Y, _X = np.mgrid[0:TILE, 0:TILE].astype(np.float32)


def _words(material: str) -> dict[str, str]:
    return {name: WORDS.get(name, name) for name in MIDDLE[material]}


def _ramp(middle: tuple[int, int, int]) -> list[list[int]]:
    """Return four tones from dark to light."""
    return [[min(255, round(channel * shade)) for channel in middle] for shade in SHADES]


# -- masks -------------------------------------------------------------------------------------


def _wide(values: np.ndarray | float) -> np.ndarray:
    """Give [frames] values two more axes, to meet the canvas."""
    return np.asarray(values, np.float32).reshape(-1, 1, 1)


def _limb(start: Point, end: Point, width: float) -> Mask:
    """Return a thick line with round ends."""
    (x0, y0), (x1, y1) = ((_wide(x), _wide(y)) for x, y in (start, end))
    dx, dy = x1 - x0, y1 - y0
    along = ((_X - x0) * dx + (_Y - y0) * dy) / np.maximum(dx * dx + dy * dy, 1e-3)
    along = np.clip(along, 0, 1)
    return (_X - x0 - along * dx) ** 2 + (_Y - y0 - along * dy) ** 2 <= width * width


def _ellipse(center: Point, width: np.ndarray | float, height: float) -> Mask:
    x, y = (_wide(v) for v in center)
    return ((_X - x) / _wide(width)) ** 2 + ((_Y - y) / height) ** 2 <= 1


def _trapezoid(x: Rows, y: Rows, half: Rows) -> Mask:
    """Return a shape between two heights whose middle and half width change evenly from top to bottom."""
    (x0, x1), (y0, y1), (half0, half1) = ((_wide(a), _wide(b)) for a, b in (x, y, half))
    share = (_Y - y0) / np.maximum(y1 - y0, 1)
    inside = np.abs(_X - x0 - (x1 - x0) * share) <= half0 + (half1 - half0) * share
    return inside & (_Y >= y0) & (_Y <= y1)


def _toward(start: Point, end: Point, share: float) -> Point:
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def _shade(mask: Mask) -> np.ndarray:
    """Return the index image of a shape: outline around, light on the left, shadow on the right."""
    inner = mask.copy()
    for axis, step in ((1, 1), (1, -1), (2, 1), (2, -1)):
        inner &= np.roll(mask, step, axis)
    index = mask.astype(np.uint8)
    index[inner] = 3
    index[inner & ~np.roll(inner, 1, 2)] = 4
    index[inner & ~np.roll(inner, -1, 2)] = 2
    return index


def _paint(masks: Iterable[Mask]) -> np.ndarray:
    """Draw shapes over each other, each with its own outline: uint8 [frames, 64, 64]."""
    canvas = np.zeros((len(FRAMES), TILE, TILE), np.uint8)
    for mask in masks:
        np.copyto(canvas, _shade(mask), where=mask)
    return canvas


# -- poses -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Motion:
    """What the body does in each frame: float32 or bool, each [frames]."""

    side: np.ndarray
    """-1 west, 1 east, 0 else."""
    back: np.ndarray
    """Whether the viewer sees the back."""
    hand: np.ndarray
    """On which side of the picture the weapon hand is."""
    swing: np.ndarray
    lift: np.ndarray
    breath: np.ndarray
    strike: np.ndarray
    """From 0 to 1 in a slash, -1 else."""
    drop: np.ndarray
    """How far a collapsing body has sunk."""


def _motion() -> _Motion:
    rows = [_motion_row(*frame) for frame in FRAMES]
    side, back, hand, swing, lift, breath, strike, drop = np.array(rows, np.float32).T
    return _Motion(side, back > 0, hand, swing, lift, breath, strike, drop)


def _motion_row(action: str, direction: str, frame: int) -> tuple[float, ...]:
    side = {"west": -1.0, "east": 1.0}.get(direction, 0.0)
    back = float(direction == "north")
    hand = side or (1.0 if back else -1.0)
    phase = 2 * np.pi * frame / 8 + np.pi / 8
    stride = float(action == "walk" and frame > 0)
    strike = frame / 5 if action == "slash" else -1.0
    drop = (0, 3, 8, 14, 20, 24)[frame] if action == "hurt" else 0
    return (
        side, back, hand, stride * np.sin(phase), stride * np.cos(phase),
        float(action == "idle" and frame == 1), strike, drop,
    )  # fmt: skip


@dataclass
class _Figure:
    """Joints of one build in every frame, and the masks that several sheets share."""

    motion: _Motion
    half: float
    """Half the width of the shoulders, seen from the front."""
    limbs: dict[tuple[str, float], Mask] = field(default_factory=dict)

    def __post_init__(self) -> None:
        m = self.motion
        profile = m.side != 0
        self.width = np.where(profile, self.half - 2, self.half)
        self.hip = np.minimum(46 + m.drop, 57)
        self.neck = 31 + np.abs(m.lift) + m.breath + np.minimum(m.drop, 22)
        self.head: Point = (CENTER + m.side, self.neck - 9)
        reach = np.where(profile, 0, self.half + 1)
        self.shoulder: Point = (CENTER + m.hand * reach, self.neck + 3)
        self.other_shoulder: Point = (CENTER - m.hand * reach, self.neck + 3)
        self.aim = self._aim()
        self.fist = self._hand(self.shoulder, m.hand, m.swing)
        self.fist = _choose(m.strike >= 0, self._along(self.shoulder, 12), self.fist)
        self.palm = self._hand(self.other_shoulder, -m.hand, -m.swing)
        self.feet = [self._foot(sign) for sign in (-1.0, 1.0)]

    def _aim(self) -> Point:
        """Return where arm and weapon point: up while standing, from behind to the front in a slash."""
        m = self.motion
        angle = np.where(m.strike >= 0, -1.9 + 2.7 * m.strike, -1.2 + 0.15 * m.swing)
        cross = np.where((m.side == 0) & (m.strike >= 0), 1.0 - 2.0 * m.strike, np.cos(angle))
        length = np.hypot(cross, np.sin(angle))
        return m.hand * cross / length, np.sin(angle) / length

    def _along(self, start: Point, distance: float) -> Point:
        return start[0] + self.aim[0] * distance, start[1] + self.aim[1] * distance

    def _hand(self, shoulder: Point, side: np.ndarray, swing: np.ndarray) -> Point:
        m = self.motion
        x = shoulder[0] + np.where(m.side != 0, 7 * swing * m.side, side)
        y = shoulder[1] + np.where(m.side != 0, 12 - np.abs(swing), 12 - 3 * swing)
        return x, np.minimum(y, 60)

    def _foot(self, sign: float) -> Point:
        m = self.motion
        raised = np.maximum(0, sign * m.lift)
        spread = 4 + m.drop * 0.3
        x = CENTER + np.where(m.side != 0, sign * (1 + 8 * m.swing) * m.side, sign * spread)
        return x, 60 - np.where(m.side != 0, 2, 5) * raised

    def leg(self, number: int, share: float = 1.0) -> Mask:
        hip = (CENTER + (2 * number - 1) * np.where(self.motion.side != 0, 1.0, 4.0), self.hip)
        return self._shared(f"leg{number}", share, hip, self.feet[number], 2.9)

    def arm(self, which: str, share: float = 1.0) -> Mask:
        start, end = (self.shoulder, self.fist) if which == "weapon" else (self.other_shoulder, self.palm)
        return self._shared(which, share, start, end, 2.3)

    def _shared(self, name: str, share: float, start: Point, end: Point, width: float) -> Mask:
        if (name, share) not in self.limbs:
            self.limbs[name, share] = _limb(start, _toward(start, end, share), width)
        return self.limbs[name, share]

    def torso(self, longer: float = 0.0) -> Mask:
        key = ("torso", longer)
        if key not in self.limbs:
            self.limbs[key] = _trapezoid(
                (CENTER, CENTER), (self.neck - 1, self.hip + longer), (self.width, self.width - 2 + longer / 4)
            )
        return self.limbs[key]

    def skull(self, grow: float = 0.0) -> Mask:
        key = ("skull", grow)
        if key not in self.limbs:
            self.limbs[key] = _ellipse(self.head, 8.5 + grow, 9.5 + grow)
        return self.limbs[key]


def _choose(condition: np.ndarray, yes: Point, no: Point) -> Point:
    return np.where(condition, yes[0], no[0]), np.where(condition, yes[1], no[1])


# -- bodies ------------------------------------------------------------------------------------


def _body(figure: _Figure, species: str) -> np.ndarray:
    """Draw a naked body with its face: palette indices."""
    canvas = _paint([
        figure.arm("other"), figure.leg(0), figure.leg(1), figure.torso(), figure.skull(), figure.arm("weapon"),
    ])  # fmt: skip
    _face(canvas, figure, species)
    if species == "skeleton":
        ribs = figure.torso() & (np.abs((_Y - _wide(figure.neck)) % 4 - 2) < 0.6) & (_Y < _wide(figure.hip - 4))
        canvas[ribs] = DARK
    return canvas


def _face(canvas: np.ndarray, figure: _Figure, species: str) -> None:
    """Draw two eyes from the front, one from the side, none from behind."""
    m = figure.motion
    x, y = figure.head
    for eye in (-4, 4):
        shown = ~m.back & ((m.side == 0) | (m.side * eye > 0))
        _dots(canvas, shown, (x + eye, y + 1), (2, 3), WHITE)
        _dots(canvas, shown, (x + eye, y + 1), (1, 2), DARK if species == "skeleton" else EYE)
        if species == "orc":
            _dots(canvas, shown, (x + eye, y + 6), (1, 2), WHITE)
    _dots(canvas, ~m.back, (x + 4 * m.side, y + 5), (2, 1), DARK)


def _dots(canvas: np.ndarray, shown: np.ndarray, at: Point, size: tuple[int, int], index: int) -> None:
    """Put a small rectangle into the frames where it is shown."""
    for frame in np.flatnonzero(shown):
        left, top = round(float(at[0][frame])), round(float(at[1][frame]))
        canvas[
            frame, top - size[1] // 2 : top + (size[1] + 1) // 2, left - size[0] // 2 : left + (size[0] + 1) // 2
        ] = index


# -- things to wear and hold -------------------------------------------------------------------


def _hair(figure: _Figure, long: bool) -> np.ndarray:
    m = figure.motion
    x, y = (_wide(v) for v in figure.head)
    side = _wide(m.side)
    cap = figure.skull(1.0)
    fringe = np.where(side != 0, (_X - x) * side < 0, _wide(m.back) > 0)
    mask = cap & ((_Y < y - 3) | (fringe & (_Y < y + 5)))
    if long:
        fall = (_Y >= y - 3) & (_Y <= y + 15)
        front = (np.abs(_X - x) >= 6) & (np.abs(_X - x) <= 10)
        behind = np.where(side != 0, ((_X - x) * side < -3) & ((_X - x) * side > -10), np.abs(_X - x) <= 9.5)
        mask |= fall & np.where((side == 0) & (_wide(m.back) == 0), front, behind)
    return _paint([mask])


def _wizard_hat(figure: _Figure) -> np.ndarray:
    x, y = figure.head
    tip = x - 3 * figure.motion.side - figure.motion.swing
    cone = _trapezoid((tip, x), (y - 20, y - 4), (0.5, 7.0))
    return _paint([cone, _ellipse((x, y - 4), 12.0, 2.6)])


def _helmet(figure: _Figure) -> np.ndarray:
    x, y = (_wide(v) for v in figure.head)
    m = figure.motion
    open_face = (_Y > y - 2) & np.where(_wide(m.side) != 0, (_X - x) * _wide(m.side) > 1, np.abs(_X - x) < 6)
    return _paint([figure.skull(1.5) & (_wide(m.back) + ~open_face > 0) & (_Y < y + 8)])


def _top(figure: _Figure, sleeve: float, longer: float) -> np.ndarray:
    return _paint([figure.arm("other", sleeve), figure.torso(longer), figure.arm("weapon", sleeve)])


def _bottom(figure: _Figure, share: float) -> np.ndarray:
    belt = _trapezoid((CENTER, CENTER), (figure.hip - 2, figure.hip + 2), (figure.width - 2, figure.width - 2))
    return _paint([figure.leg(0, share) | figure.leg(1, share) | belt])


def _cape(figure: _Figure, length: float, *, behind: bool) -> np.ndarray:
    """Draw the cape before the body (seen from behind) or beyond it."""
    m = figure.motion
    away = np.where(m.side != 0, -4.0 * m.side, 0.0)
    foot = (CENTER + away * 2 + 2 * m.swing + m.breath, figure.neck + length)
    wide = np.where(m.side != 0, 5.0, figure.half + 4.0)
    mask = _trapezoid((CENTER + away, foot[0]), (figure.neck, foot[1]), (wide - 3, wide))
    return _paint([mask & (_wide(m.back) == (0 if behind else 1))])


def _weapon(figure: _Figure, length: float, width: float, *, behind: bool) -> np.ndarray:
    shaft = _limb(figure._along(figure.fist, -length / 4), figure._along(figure.fist, length * 0.75), width)
    guard = _ellipse(figure.fist, 3.4, 1.8)
    return _paint([(shaft | guard) & (_wide(figure.motion.back) == behind)])


# -- the pack ----------------------------------------------------------------------------------


@dataclass
class _Pack:
    """Sheets and items as they are added; `arrays` and `info` make the finished pack."""

    boxes: list[tuple[int, int, int, int]] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    pixels: list[np.ndarray] = field(default_factory=list)
    palettes: list[list[int]] = field(default_factory=list)
    ramps: list[tuple[int, int]] = field(default_factory=list)
    sheets: list[dict[str, Any]] = field(default_factory=list)
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    size: int = 0

    def sheet(self, index: np.ndarray, material: str, actions: Iterable[str] = ANIMATIONS, color: str = "") -> int:
        """Add the frames of one part and return its number; a sheet with `color` cannot be recoloured."""
        anims: dict[str, int] = {}
        for (action, _, _), frame in zip(FRAMES, index, strict=True):
            if action in actions:
                anims.setdefault(action, len(self.boxes))
                self._crop(frame)
        entry: dict[str, Any] = {"anims": anims, "palette": len(self.palettes), "size": WHITE + 1}
        entry |= {"colors": [color]} if color else {"materials": [material, "eye"]}
        self._palette(BONE if color else next(iter(MIDDLE[material].values())), fixed=bool(color))
        self.sheets.append(entry)
        return len(self.sheets) - 1

    def _crop(self, frame: np.ndarray) -> None:
        rows, columns = np.flatnonzero(frame.any(1)), np.flatnonzero(frame.any(0))
        if not len(rows):
            self.boxes.append((0, 0, 0, 0))
            self.offsets.append(0)
            return
        top, left, bottom, right = rows[0], columns[0], rows[-1] + 1, columns[-1] + 1
        self.boxes.append((left, top, right - left, bottom - top))
        self.offsets.append(self.size)
        self.pixels.append(frame[top:bottom, left:right].ravel())
        self.size += self.pixels[-1].size

    def _palette(self, middle: tuple[int, int, int], *, fixed: bool) -> None:
        """Add eight colours: nothing, four tones, the eye, dark, white."""
        tones = [*_ramp(middle), MIDDLE["eye"]["brown"], (24, 20, 28), (244, 244, 240)]
        self.palettes += [[0, 0, 0, 0], *([*tone, 255] for tone in tones)]
        ramps = [(-1, -1), *((0, step) for step in range(4)), (1, 2), (-1, -1), (-1, -1)]
        self.ramps += [(-1, -1)] * len(ramps) if fixed else ramps

    def item(self, slot: str, key: str, phrase: str, material: str, layers: list[dict[str, Any]], **more: Any) -> None:
        """Add one thing to wear or hold."""
        drawn = set.intersection(*(set(self.sheets[n]["anims"]) for layer in layers for n in layer["sheets"].values()))
        self.items[key] = {
            "slot": slot, "phrase": phrase, "colors": _words(material), "layers": layers,
            "anims": {build: sorted(drawn) for build in BUILDS}, **more,
        }  # fmt: skip

    def arrays(self) -> dict[str, np.ndarray]:
        return {
            "boxes": np.array(self.boxes, np.int16), "offsets": np.array(self.offsets, np.uint32),
            "pixels": np.concatenate(self.pixels), "palettes": np.array(self.palettes, np.uint8),
            "ramps": np.array(self.ramps, np.int8),
        }  # fmt: skip


def _layer(z: int, sheets: Mapping[str, int], color: str | None = None) -> dict[str, Any]:
    return {"z": z, "color": color, "sheets": dict(sheets)}


def _add_species(pack: _Pack, figures: Mapping[str, _Figure]) -> dict[str, Any]:
    def bodies(species: str, builds: Iterable[str] = BUILDS, color: str = "") -> list[dict[str, Any]]:
        sheets = {build: pack.sheet(_body(figures[build], species), "body", color=color) for build in builds}
        return [_layer(10, sheets, color or None)]

    def entry(
        man: str, woman: str, layers: list[dict[str, Any]], skins: Iterable[str], weight: float
    ) -> dict[str, Any]:
        anims = {build: sorted(ANIMATIONS) for build in layers[0]["sheets"]}
        words = {skin: _words("body")[skin] for skin in skins}
        return {
            "phrase": {"man": man, "woman": woman},
            "layers": layers,
            "anims": anims,
            "skins": words,
            "weight": weight,
        }

    skin = {"skin_word": "{c} skin", "hair": True}
    return {
        "human": entry("a man", "a woman", bodies("human"), ("light", "bronze"), 3) | skin,
        "orc": entry("a male orc", "a female orc", bodies("orc"), ("green", "blue"), 2) | skin,
        "skeleton": entry("a skeleton", "a skeleton", bodies("skeleton", ("man",), "bone"), (), 1),
    }


def _add_items(pack: _Pack, figures: Mapping[str, _Figure]) -> None:
    _add_head_items(pack, figures)
    _add_clothes(pack, figures)
    _add_gear(pack, figures)


def _add_head_items(pack: _Pack, figures: Mapping[str, _Figure]) -> None:
    """Hair and hats sit on the head, which is the same for both builds."""
    head = figures["man"]
    for key, long in (("short", False), ("long", True)):
        sheet = pack.sheet(_hair(head, long), "hair")
        pack.item("hair", key, key + " {c} hair", "hair", [_layer(120, dict.fromkeys(BUILDS, sheet))])
    sheet = pack.sheet(_wizard_hat(head), "cloth")
    pack.item(
        "hat", "wizard_hat", "a {c} wizard hat", "cloth", [_layer(130, dict.fromkeys(BUILDS, sheet))], hair="flat"
    )
    sheet = pack.sheet(_helmet(head), "metal")
    pack.item("hat", "helmet", "a {c} helmet", "metal", [_layer(130, dict.fromkeys(BUILDS, sheet))], hair="cover")


def _add_clothes(pack: _Pack, figures: Mapping[str, _Figure]) -> None:
    def fitted(z: int, material: str, draw: Any, *args: float) -> list[dict[str, Any]]:
        sheets = {build: pack.sheet(draw(figure, *args), material) for build, figure in figures.items()}
        return [_layer(z, sheets)]

    pack.item("top", "t_shirt", "a {c} t-shirt", "cloth", fitted(60, "cloth", _top, 0.4, 0.0))
    pack.item("top", "plate_armor", "{c} plate armor", "metal", fitted(60, "metal", _top, 0.8, 3.0))
    pack.item("bottom", "trousers", "{c} trousers", "cloth", fitted(40, "cloth", _bottom, 0.95))
    pack.item("bottom", "shorts", "{c} shorts", "cloth", fitted(40, "cloth", _bottom, 0.45))


def _add_gear(pack: _Pack, figures: Mapping[str, _Figure]) -> None:
    """Add capes and weapons: a layer behind the body and one before it; nobody collapses in a cape."""

    def pair(zs: tuple[int, int], material: str, draw: Any, size: float, *more: float) -> list[dict[str, Any]]:
        actions = UPRIGHT if draw is _cape else ANIMATIONS
        return [
            _layer(
                z, {b: pack.sheet(draw(f, size, *more, behind=behind), material, actions) for b, f in figures.items()}
            )
            for z, behind in zip(zs, (True, False), strict=True)
        ]

    pack.item("cape", "cape", "a {c} cape", "cloth", pair((5, 125), "cloth", _cape, 26.0))
    pack.item("cape", "short_cape", "a short {c} cape", "cloth", pair((5, 125), "cloth", _cape, 15.0))
    pack.item("weapon", "sword", "a {c} sword", "metal", pair((9, 140), "metal", _weapon, 18.0, 1.5))
    pack.item("weapon", "staff", "a {c} staff", "cloth", pair((9, 140), "cloth", _weapon, 28.0, 1.2))


@lru_cache(maxsize=1)
def synthetic_library() -> Library:
    """Return the pack drawn by code: 3 species, 6 slots with 2 items each, 4 actions."""
    motion, pack = _motion(), _Pack()
    figures = {"man": _Figure(motion, 9.0), "woman": _Figure(motion, 7.0)}
    species = _add_species(pack, figures)
    _add_items(pack, figures)
    info = {
        "format": "lpc-sprite-pack", "version": 1, "tile": TILE, "directions": DIRECTIONS,
        "direction_words": {"north": "away from the viewer", "west": "to the left",
                            "south": "towards the viewer", "east": "to the right"},
        "animations": ANIMATIONS, "slots": SLOTS, "flat_hair": ["short", "long"],
        "hair_words": _words("hair"), "eye_words": _words("eye"),
        "ramps": {m: {n: _ramp(rgb) for n, rgb in colors.items()} for m, colors in MIDDLE.items()},
        "species": species, "items": pack.items, "sheets": pack.sheets, "grounds": {},
    }  # fmt: skip
    return Library(info, pack.arrays())
