"""Files ↔ pixels."""

from sancai.media.animation import Playback, animation_bytes
from sancai.media.argument import PictureLike, is_picture, to_picture
from sancai.media.aseprite import aseprite_bytes
from sancai.media.engines import godot_resource, unity_meta
from sancai.media.file import check_writable, write_file, write_unused
from sancai.media.palette import count_colors, harden_alpha, reduce, snap
from sancai.media.picture import blur, enlarge, fit, png_bytes, read_picture, read_png
from sancai.media.sheet import (
    DIRECTIONS,
    UNIVERSAL_ROWS,
    Sheet,
    SheetClip,
    SheetLayout,
    grid_sheet,
    sheet_json,
    universal_sheet,
)

__all__ = [
    "DIRECTIONS", "UNIVERSAL_ROWS", "PictureLike", "Playback", "Sheet", "SheetClip", "SheetLayout", "animation_bytes",
    "aseprite_bytes", "blur", "check_writable", "count_colors", "enlarge", "fit", "godot_resource", "grid_sheet",
    "harden_alpha", "is_picture", "png_bytes", "read_picture", "read_png", "reduce", "sheet_json", "snap", "to_picture",
    "unity_meta", "universal_sheet", "write_file", "write_unused",
]  # fmt: skip
