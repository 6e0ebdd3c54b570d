"""Files ↔ pixels."""

from sancai.media.animation import Playback, animation_bytes
from sancai.media.file import check_writable, write_file, write_unused
from sancai.media.palette import count_colors, harden_alpha, reduce, snap
from sancai.media.picture import blur, enlarge, fit, png_bytes, read_picture
from sancai.media.sheet import SheetLayout, Tag, sheet_bytes

__all__ = [
    "Playback", "SheetLayout", "Tag", "animation_bytes", "blur", "check_writable", "count_colors", "enlarge", "fit",
    "harden_alpha", "png_bytes", "read_picture", "reduce", "sheet_bytes", "snap", "write_file", "write_unused",
]  # fmt: skip
