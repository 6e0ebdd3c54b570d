"""The child process: `python -m sancai.doctor.probe DEVICE CHECK …` prints one JSON line per step.

Every check is a function that yields findings about one platform.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from sancai.doctor.children import REFUSED
from sancai.doctor.finding import Finding

if TYPE_CHECKING:
    from sancai.device.platform import Platform

Check = Callable[["Platform"], Iterator[Finding]]
CHECKS = {
    "devices": "sancai.doctor.basics", "tensors": "sancai.doctor.basics", "memory": "sancai.doctor.basics",
    "fallback": "sancai.doctor.basics", "collectives": "sancai.doctor.basics",
    "operators": "sancai.doctor.operators",
    "layers": "sancai.doctor.numerics", "training": "sancai.doctor.training", "pictures": "sancai.doctor.numerics",
    "drawing": "sancai.doctor.basics", "kernels": "sancai.doctor.speed", "speed": "sancai.doctor.speed",
}  # fmt: skip
"""The module of each check, which is a function of the same name."""


def main(arguments: list[str]) -> int:
    """Run the named checks on a device."""
    device, *names = arguments
    _emit(trying="torch")
    import torch

    from sancai.device.platform import get_platform

    _emit(finding=Finding("torch loads", "good", f"{torch.get_num_threads()} threads").to_dict())
    _emit(trying="device")
    platform = get_platform(device)
    for name in names:
        _emit(trying=name)
        check: Check = getattr(importlib.import_module(CHECKS[name]), name)
        started = time.perf_counter()
        for finding in check(platform):
            finding.facts.setdefault("seconds", round(time.perf_counter() - started, 2))
            _emit(finding=finding.to_dict())
    return 0


def _emit(**message: Any) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    from sancai.errors import SancaiError

    try:
        sys.exit(main(sys.argv[1:]))
    except SancaiError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(REFUSED)
