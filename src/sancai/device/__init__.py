"""The machine, and published facts of other machines."""

from sancai.device.chips import CHIPS, Chip, Machine, parse_machine
from sancai.device.identity import cache_folder, identity
from sancai.device.platform import Platform, current, peak_memory_bytes, synchronize

__all__ = [
    "CHIPS", "Chip", "Machine", "Platform", "cache_folder", "current", "identity", "parse_machine",
    "peak_memory_bytes", "synchronize",
]  # fmt: skip
