"""What a run has cost and seen so far: frames, tokens, seconds, FLOPs, money."""

import json
import pathlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sancai.files import atomic_write

NAME = "ledger.json"
COUNTED = ("frames", "noisy_tokens", "text_tokens", "learned_tokens", "flops", "seconds")


@dataclass
class Ledger:
    """Totals over the steps that the weights have learned from: steps that were lost in a crash are not in it.

    noisy_tokens: of all frames.  text_tokens: read; learned_tokens: predicted.
    flops: model FLOPs (`flops`).  seconds: of the steps, without saving, sample sheets and start-up.
    """

    steps: int = 0
    frames: int = 0
    noisy_tokens: int = 0
    text_tokens: int = 0
    learned_tokens: int = 0
    flops: float = 0.0
    seconds: float = 0.0

    def add(self, report: Mapping[str, float]) -> None:
        """Add the report of one step."""
        self.steps += 1
        for name in COUNTED:
            setattr(self, name, getattr(self, name) + type(getattr(self, name))(report[name]))

    def summary(self, limit: float | None = None, price_per_hour: float = 0.0) -> dict[str, Any]:
        """Return the totals and what follows from them.

        Args:
            limit: FLOPs a second of large matrix products on this machine, None where it was not measured.
            price_per_hour: of the machine; 0 leaves money out.
        """
        seconds = max(self.seconds, 1e-9)
        out = asdict(self) | {"frames_per_second": self.frames / seconds, "flops_per_second": self.flops / seconds}
        if limit is not None:
            out |= {"matmul_limit": limit, "mfu": self.flops / seconds / limit}
        if price_per_hour:
            out |= {"price_per_hour": price_per_hour, "money": self.seconds / 3600 * price_per_hour}
        return out

    def save(self, folder: pathlib.Path, **facts: Any) -> None:
        """Write `ledger.json`; facts as for `summary`."""
        with atomic_write(folder / NAME) as partial:
            partial.write_text(json.dumps(self.summary(**facts), indent=1) + "\n", encoding="utf-8")
