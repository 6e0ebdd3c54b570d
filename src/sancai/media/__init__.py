"""Files ↔ pixels."""

from sancai.media.animation import Playback, animation_bytes, sheet_bytes
from sancai.media.file import check_writable, write_file
from sancai.media.palette import reduce, snap
from sancai.media.picture import blur, enlarge, fit, png_bytes, read_picture

__all__ = [
    "Playback", "animation_bytes", "blur", "check_writable", "enlarge", "fit", "png_bytes", "read_picture", "reduce",
    "sheet_bytes", "snap", "write_file",
]  # fmt: skip
