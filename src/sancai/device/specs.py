"""Published specifications of accelerators, for estimates.

TFLOPS are for dense matrix products, memory is in GB (10⁹ bytes), bandwidth in GB/s.  None: no reliable figure is
published.  `confidence`: A vendor tool or data sheet, B several reports agree, C one report, D derived.  Totals that
include vector units, and fp8 figures given as bf16, are left out.
"""

import re
from dataclasses import dataclass

from sancai.errors import RequestError


@dataclass(frozen=True, kw_only=True)
class ChipSpec:
    """The published specification of one accelerator."""

    name: str
    chip: str
    """Key of its chip family."""
    memory_gb: float
    confidence: str
    bf16_tflops: float | None = None
    fp8_tflops: float | None = None
    memory_gbs: float | None = None
    link_gbs: float | None = None
    """Bandwidth between chips of one node, both directions together."""
    source: str = ""


_MSMODELING = "device profiles of Ascend/msmodeling"
_DATA_SHEET = "vendor's data sheet, without sparsity"
CHIP_SPECS = {
    c.name: c
    for c in (
        ChipSpec(name="ascend-910b2", chip="ascend", memory_gb=64, confidence="A", bf16_tflops=353.9, memory_gbs=1600,
                 link_gbs=196, source=_MSMODELING),
        ChipSpec(name="ascend-910b3", chip="ascend", memory_gb=64, confidence="A", bf16_tflops=294.9, memory_gbs=1600,
                 link_gbs=196, source=_MSMODELING),
        ChipSpec(name="ascend-910b4", chip="ascend", memory_gb=64, confidence="A", bf16_tflops=245.8, memory_gbs=1600,
                 link_gbs=196, source=_MSMODELING),
        ChipSpec(name="ascend-910c", chip="ascend", memory_gb=128, confidence="A", bf16_tflops=707.8, memory_gbs=3200,
                 link_gbs=784, source=f"{_MSMODELING}, two dies"),
        ChipSpec(name="ascend-950pr", chip="ascend", memory_gb=128, confidence="B", bf16_tflops=432, fp8_tflops=865,
                 memory_gbs=1600, link_gbs=2000, source="reports of the Ascend 950 white paper; Huawei Connect 2025"),
        ChipSpec(name="ascend-950pr-pcie", chip="ascend", memory_gb=112, confidence="A", bf16_tflops=378,
                 fp8_tflops=756, memory_gbs=1400, link_gbs=159, source=_MSMODELING),
        ChipSpec(name="ascend-950dt", chip="ascend", memory_gb=144, confidence="C", bf16_tflops=432, fp8_tflops=1000,
                 memory_gbs=4000, link_gbs=2000, source="Huawei Connect 2025 as reported; bf16 taken from the 950PR"),
        ChipSpec(name="cambricon-mlu370-x8", chip="cambricon", memory_gb=48, confidence="B", bf16_tflops=96,
                 memory_gbs=614.4, link_gbs=200, source="launch reports, March 2022"),
        ChipSpec(name="cambricon-mlu590", chip="cambricon", memory_gb=80, confidence="D", bf16_tflops=96,
                 source="memory from howtomakeaname/minimax-h3-on-cambricon; rate derived from its attention timings"),
        ChipSpec(name="moore-threads-s4000", chip="moore_threads", memory_gb=48, confidence="B", bf16_tflops=100,
                 memory_gbs=768, link_gbs=240, source="launch reports, December 2023"),
        ChipSpec(name="moore-threads-s5000", chip="moore_threads", memory_gb=80, confidence="C", bf16_tflops=500,
                 fp8_tflops=1000, memory_gbs=1600, link_gbs=784, source="Gitee AI hardware page; bf16 is half of fp8"),
        ChipSpec(name="metax-c500", chip="metax", memory_gb=64, confidence="B", source="LMCache issue 3856"),
        ChipSpec(name="metax-c600", chip="metax", memory_gb=144, confidence="C", bf16_tflops=500, fp8_tflops=1000,
                 memory_gbs=1800, source="one investors' forum"),
        ChipSpec(name="nvidia-h20", chip="nvidia", memory_gb=96, confidence="B", bf16_tflops=148, fp8_tflops=296,
                 memory_gbs=4000, link_gbs=900, source="several pages of specifications"),
        ChipSpec(name="nvidia-h100", chip="nvidia", memory_gb=80, confidence="A", bf16_tflops=989, fp8_tflops=1979,
                 memory_gbs=3350, link_gbs=900, source=_DATA_SHEET),
        ChipSpec(name="nvidia-h200", chip="nvidia", memory_gb=141, confidence="A", bf16_tflops=989, fp8_tflops=1979,
                 memory_gbs=4800, link_gbs=900, source=_DATA_SHEET),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Machine:
    """A number of equal accelerators."""

    count: int
    spec: ChipSpec

    @property
    def memory_bytes(self) -> int:
        return round(self.count * self.spec.memory_gb * 10**9)


MAX_CHIPS = 100_000
"""Larger counts are taken for typing errors."""


def parse_machine(text: str) -> Machine:
    """Parse `COUNTxCHIP`, for example `16xascend-910c`.

    Raises:
        RequestError: the chip is unknown or the count is out of range.
    """
    match = re.fullmatch(r"(?:(\d+)x)?([a-z0-9-]+)", text.strip().lower())
    if match is None or match[2] not in CHIP_SPECS:
        raise RequestError(f"no chip {text!r}; write COUNTxCHIP with one of {', '.join(CHIP_SPECS)}")
    count = int(match[1] or 1)
    if not 1 <= count <= MAX_CHIPS:
        raise RequestError(f"{text!r} names {count} chips; write 1x{match[2]} to {MAX_CHIPS}x{match[2]}")
    return Machine(count, CHIP_SPECS[match[2]])
