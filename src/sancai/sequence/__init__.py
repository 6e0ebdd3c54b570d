"""The packed sequence: segments, metadata, visibility and compression windows."""

from sancai.sequence.meta import NEVER, PADDING, EntryMeta, TokenMeta
from sancai.sequence.order import frames_to_tokens, morton_order, raster_order, tokens_to_frames
from sancai.sequence.packing import Cursor, PackedSequence, empty_block, pack
from sancai.sequence.partial import PartialFrames
from sancai.sequence.segment import Block, Document, Segment, Text
from sancai.sequence.visibility import VisibilityConfig, sees_entries, sees_tokens
from sancai.sequence.window import CompressionWindows, find_windows

__all__ = [
    "NEVER",
    "PADDING",
    "Block",
    "CompressionWindows",
    "Cursor",
    "Document",
    "EntryMeta",
    "PackedSequence",
    "PartialFrames",
    "Segment",
    "Text",
    "TokenMeta",
    "VisibilityConfig",
    "empty_block",
    "find_windows",
    "frames_to_tokens",
    "morton_order",
    "pack",
    "raster_order",
    "sees_entries",
    "sees_tokens",
    "tokens_to_frames",
]
