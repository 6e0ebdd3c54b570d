"""Published facts of accelerator chips, for estimates: memory in GB (10⁹ bytes).

Where sources disagree or a figure is not published there is no entry.  `confidence`: A vendor tool or data
sheet, B several reports, C one report.
"""

import re
from dataclasses import dataclass

from sancai.errors import RequestError


@dataclass(frozen=True)
class Chip:
    """One chip as it is sold: name and memory."""

    name: str
    memory_gb: int
    confidence: str


CHIPS = {
    c.name: c
    for c in (
        Chip("ascend-910b2", 64, "A"), Chip("ascend-910b3", 64, "A"), Chip("ascend-910b4", 64, "A"),
        Chip("ascend-910c", 128, "A"), Chip("ascend-950pr", 128, "B"), Chip("ascend-950dt", 144, "C"),
        Chip("cambricon-mlu370-x8", 48, "B"), Chip("moore-threads-s4000", 48, "B"),
        Chip("moore-threads-s5000", 80, "C"), Chip("metax-c500", 64, "B"), Chip("metax-c600", 144, "C"),
        Chip("nvidia-h20", 96, "B"), Chip("nvidia-h100", 80, "A"), Chip("nvidia-h200", 141, "A"),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Machine:
    """So many of one chip."""

    count: int
    chip: Chip

    @property
    def memory_bytes(self) -> int:
        return self.count * self.chip.memory_gb * 10**9


def parse_machine(text: str) -> Machine:
    """Return the machine of `16xascend-910c`."""
    match = re.fullmatch(r"(?:(\d+)x)?([a-z0-9-]+)", text.strip().lower())
    if match is None or match[2] not in CHIPS:
        raise RequestError(f"no chip {text!r}; write COUNTxCHIP with one of {', '.join(CHIPS)}")
    count = int(match[1] or 1)
    if count < 1:
        raise RequestError(f"{text!r} is no chip at all; write at least 1x{match[2]}")
    return Machine(count, CHIPS[match[2]])
