"""Efficiency of software on a chip: the shares of published rates that it reaches, and launch overheads."""

from dataclasses import dataclass

from sancai.device.specs import ChipSpec


@dataclass(frozen=True, kw_only=True)
class Efficiency:
    """Shares (0 to 1) of the published rates that software reaches, and overheads in seconds per launch."""

    compute: float
    memory: float
    link: float
    matrix_launch: float = 5e-6
    vector_launch: float = 2e-6
    link_launch: float = 10e-6
    source: str


_TOOL = "starting values of Ascend/msmodeling, some of them marked there as unconfirmed"
_UNKNOWN = "no published efficiency: a range; launch overheads as on Ascend A2"
KNOWN = {
    "ascend-910": (Efficiency(compute=0.7, memory=0.6, link=0.7, source=_TOOL),),
    "ascend-950pr-pcie": (Efficiency(compute=0.9, memory=0.8, link=0.75, link_launch=5e-6, source=_TOOL),),
}
"""By the beginning of an accelerator's name."""
UNKNOWN = (
    Efficiency(compute=0.3, memory=0.5, link=0.5, source=_UNKNOWN),
    Efficiency(compute=0.6, memory=0.7, link=0.7, source=_UNKNOWN),
)


def efficiency_of(spec: ChipSpec) -> tuple[Efficiency, ...]:
    """Return the efficiency of an accelerator; a low and a high guess where nothing is published."""
    return next((costs for name, costs in KNOWN.items() if spec.name.startswith(name)), UNKNOWN)
