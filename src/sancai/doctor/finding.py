"""One line of what doctor found."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

State = Literal["good", "limited", "bad"]
EXIT = {"good": 0, "limited": 1, "bad": 2}


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it stands, what was found, what to do; `facts` are figures for machines."""

    name: str
    state: State
    told: str
    advice: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def finite(value: float) -> float:
    """Return a difference, infinity where it is not a number: the largest of several must not pass over it."""
    return float("inf") if math.isnan(value) else value


def worst(findings: Iterable[Finding]) -> int:
    """Return the exit code: 0 ready, 1 usable with limits, 2 not usable."""
    return max((EXIT[f.state] for f in findings), default=0)
