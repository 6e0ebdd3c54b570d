"""Every registered operator on the device against the CPU: outputs and gradients, in every number format."""

from collections.abc import Iterator
from typing import Any

import torch

from sancai.device.platform import Platform
from sancai.doctor.finding import Finding
from sancai.errors import first_line
from sancai.ops.dispatch import Operator
from sancai.ops.selection import OPERATORS
from sancai.ops.verification import TOLERANCES, SampleTensors, verify

MAX_SHOWN = 6


def operators(platform: Platform) -> Iterator[Finding]:
    """Verify the reference of every operator on its sample inputs; name the samples that fail or differ."""
    problems, count = [], 0
    for dtype in (getattr(torch, name) for name in platform.chip.compute_dtypes):
        for operator in OPERATORS if dtype in TOLERANCES else ():
            for problem in _verify(operator, platform.device, dtype):
                count += 1
                if problem is not None:
                    problems.append(f"{operator.name} in {str(dtype).removeprefix('torch.')}: {problem}")
    facts = {"samples": count, "problems": problems}
    if problems:
        more = f" and {len(problems) - MAX_SHOWN} more" if len(problems) > MAX_SHOWN else ""
        message = f"{len(problems)} of {count} samples differ: {'; '.join(problems[:MAX_SHOWN])}{more}"
        yield Finding("operators", "bad", message, "report these with the versions above", facts)
    else:
        message = f"{count} samples of {len(OPERATORS)} operators agree with the CPU"
        yield Finding("operators", "good", message, facts=facts)


def _verify(operator: Operator[..., Any], device: torch.device, dtype: torch.dtype) -> Iterator[str | None]:
    """Yield for each sample how the device's result differs from the CPU's, None if they agree."""
    host, mine = (operator.samples(SampleTensors(d, dtype)) for d in (torch.device("cpu"), device))
    for one, two in zip(host, mine, strict=True):
        try:
            yield verify(operator.reference, operator.reference, [one], [two])
        except (RuntimeError, NotImplementedError) as error:
            yield f"sample {one.name!r}: {first_line(error)}"
