"""What the machine is: chips, devices, number formats, and the two ways between host and device.

This file imports no torch, so that a program can ask about chips where torch does not load; what needs
torch is in `platform`, `detect`, `host`, `precision` and `collectives`.
"""

from sancai.device.chip import Chip
from sancai.device.registry import chip_of, chips
from sancai.device.specs import CHIP_SPECS, ChipSpec, Machine, parse_machine

__all__ = ["CHIP_SPECS", "ChipSpec", "Chip", "Machine", "chip_of", "chips", "parse_machine"]
