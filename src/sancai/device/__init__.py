"""The machine."""

from sancai.device.platform import Platform, current, peak_memory_bytes, synchronize

__all__ = ["Platform", "current", "peak_memory_bytes", "synchronize"]
