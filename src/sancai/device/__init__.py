"""Devices: chip families, detection, the platform of a process, transfers between host and device, and collectives.

This file does not import torch, so that chips can be listed where torch does not load.
"""

from sancai.device.chip import Chip
from sancai.device.registry import chip_of, chips
from sancai.device.specs import CHIP_SPECS, ChipSpec, Machine, parse_machine

__all__ = ["CHIP_SPECS", "ChipSpec", "Chip", "Machine", "chip_of", "chips", "parse_machine"]
