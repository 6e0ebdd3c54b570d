"""Files ↔ pixels."""

from sancai.media.animation import Playback, animation_bytes, sheet_bytes
from sancai.media.argument import PictureLike, is_picture, to_picture
from sancai.media.file import check_writable, write_file
from sancai.media.palette import count_colors, harden_alpha, reduce, snap
from sancai.media.picture import blur, enlarge, fit, png_bytes, read_picture

__all__ = [
    "PictureLike", "Playback", "animation_bytes", "blur", "check_writable", "count_colors", "enlarge", "fit",
    "harden_alpha", "is_picture", "png_bytes", "read_picture", "reduce", "sheet_bytes", "snap", "to_picture",
    "write_file",
]  # fmt: skip
