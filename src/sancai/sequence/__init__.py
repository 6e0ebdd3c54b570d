"""The packed sequence: segments, metadata, visibility and compression windows."""

from sancai.sequence.meta import NEVER, PADDING, EntryMeta, TokenMeta
from sancai.sequence.order import morton_order, raster_order
from sancai.sequence.packing import Cursor, PackedSequence, pack
from sancai.sequence.segment import Block, Document, Segment, Text
from sancai.sequence.visibility import Reach, sees_entries, sees_tokens
from sancai.sequence.window import Windows, find_windows

__all__ = [
    "NEVER",
    "PADDING",
    "Block",
    "Cursor",
    "Document",
    "EntryMeta",
    "PackedSequence",
    "Reach",
    "Segment",
    "Text",
    "TokenMeta",
    "Windows",
    "find_windows",
    "morton_order",
    "pack",
    "raster_order",
    "sees_entries",
    "sees_tokens",
]
