"""The result of one check."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

State = Literal["good", "limited", "bad"]
EXIT = {"good": 0, "limited": 1, "bad": 2}


@dataclass(frozen=True)
class Finding:
    """The result of a check: its name, state, message and advice; `facts` are values for programs."""

    name: str
    state: State
    message: str
    advice: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def finite(value: float) -> float:
    """Return a difference, infinity if it is NaN, so that a maximum cannot miss it."""
    return float("inf") if math.isnan(value) else value


def worst(findings: Iterable[Finding]) -> int:
    """Return the exit code: 0 ready, 1 usable with limits, 2 not usable."""
    return max((EXIT[f.state] for f in findings), default=0)
