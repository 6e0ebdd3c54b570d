"""Nineteen bugs that a CPU does not show, each planted in a real step, and what refuses it.

    PYTHONPATH=src:tests python -m chips.fake_device.bugs ascend

plants one after the other and prints one line of JSON.
"""

import json
import pathlib
import sys
import tempfile
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor

from chips.fake_device.workload import Share, fake_device, start, train_config
from sancai.model.attention import Attention
from sancai.train.trainer import Trainer


def item(x: Tensor) -> Tensor:
    """Read a scalar."""
    return x * x.abs().max().item()


def condition(x: Tensor) -> Tensor:
    """Decide by a value."""
    return x if (x.abs().max() > 0) else -x


def tolist(x: Tensor) -> Tensor:
    """Read a list."""
    return x * len(x[0, 0].detach().tolist())


def cpu(x: Tensor) -> Tensor:
    """Take a look on the host."""
    return x + float(x.detach().cpu().sum())


def numpy(x: Tensor) -> Tensor:
    """Take a look with numpy."""
    return x + float(x.detach().float().numpy().sum())


def built_on_host(x: Tensor) -> Tensor:
    """Build a table on the host inside the step."""
    return x + torch.tensor([0.5] * x.shape[-1], device=x.device, dtype=x.dtype)


def no_device(x: Tensor) -> Tensor:
    """Forget device= of a summand."""
    return x + torch.ones(x.shape[-1], dtype=x.dtype)


def no_device_index(x: Tensor) -> Tensor:
    """Forget device= of an index."""
    return x.index_select(-1, torch.arange(x.shape[-1]))


def double(x: Tensor) -> Tensor:
    """Sum in float64."""
    return (x.double() + 1).to(x.dtype)


def double_factory(x: Tensor) -> Tensor:
    """Make a float64 table."""
    return x + torch.ones(x.shape[-1], device=x.device, dtype=torch.float64).to(x.dtype)


def double_from_numpy(x: Tensor) -> Tensor:
    """Let numpy's own float64 in."""
    return x + torch.from_numpy(np.ones(x.shape[-1])).to(x.device).to(x.dtype)


def complex_rope(x: Tensor) -> Tensor:
    """Turn pairs as complex numbers."""
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * 1j).flatten(-2).to(x.dtype)


def polar(x: Tensor) -> Tensor:
    """Make unit complex numbers."""
    return x + torch.polar(torch.ones_like(x.float()), x.float()).real.to(x.dtype)


def fourier(x: Tensor) -> Tensor:
    """Go through a Fourier transform."""
    return torch.fft.irfft(torch.fft.rfft(x.float()), n=x.shape[-1]).to(x.dtype)


def vendor_method(x: Tensor) -> Tensor:
    """Call a vendor's method."""
    return x + x.cuda().sum()


def vendor_device(x: Tensor) -> Tensor:
    """Name a vendor's device."""
    return x + torch.ones(1, device="cuda", dtype=x.dtype)


def vendor_module(x: Tensor) -> Tensor:
    """Call a vendor's module."""
    torch.cuda.synchronize()  # noqa: TID251
    return x


def nonzero(x: Tensor) -> Tensor:
    """Find places by value."""
    return x + float(len(x.abs().sum(-1).nonzero()))


def boolean_mask(x: Tensor) -> Tensor:
    """Pick by a boolean mask."""
    return x + x[x > 0].sum()


BUGS: dict[str, Callable[[Tensor], Tensor]] = {
    f.__name__: f
    for f in (
        item, condition, tolist, cpu, numpy, built_on_host, no_device, no_device_index, double, double_factory,
        double_from_numpy, complex_rope, polar, fourier, vendor_method, vendor_device, vendor_module, nonzero,
        boolean_mask,
    )
}  # fmt: skip


def scalar_on_host(x: Tensor) -> Tensor:
    """Build a number on the host and carry it over."""
    return x * torch.tensor(0.5, device=x.device, dtype=x.dtype)


def masked_write(x: Tensor) -> Tensor:
    """Write where a boolean mask says."""
    out = x.clone()
    out[out > 0] = out.sum()
    return out


def repeats(x: Tensor) -> Tensor:
    """Repeat by counts that lie on the device."""
    return x + x.repeat_interleave((x[0, 0] > -99).long() * 2, -1).sum()


def half_softmax(x: Tensor) -> Tensor:
    """Take a softmax in bf16."""
    return x * x.to(torch.bfloat16).softmax(-1).to(x.dtype)


MORE: dict[str, Callable[[Tensor], Tensor]] = {
    f.__name__: f for f in (scalar_on_host, masked_write, repeats, half_softmax)
}
"""Cousins of those, found since."""

LACKING: dict[str, Callable[[Tensor], Any]] = {
    "eigh": lambda x: torch.linalg.eigh(x @ x.T),
    "_int_mm": lambda x: torch._int_mm(x.to(torch.int8), x.to(torch.int8)),
    "logcumsumexp": lambda x: x.logcumsumexp(0),
    "segment_reduce": lambda x: torch.segment_reduce(x, "sum", lengths=(x[0] > -99).long() * 2),
    "searchsorted": lambda x: torch.searchsorted(x, x),
}
"""Operators that some chips' tables lack, and a call of each."""


def selection(work: Callable[[], object]) -> list[str] | None:
    """Return what was raised, kind and first line, None for nothing."""
    try:
        work()
    except Exception as error:
        return [type(error).__name__, str(error).splitlines()[0] if str(error) else ""]
    return None


def planted(trainer: Trainer, bug: Callable[[Tensor], Tensor]) -> Callable[[], object]:
    """Return a step in which the first attention reads what the bug makes of its input."""
    project = Attention.project

    def broken(self: Attention, hidden: Tensor, cos: Tensor, sin: Tensor) -> Any:
        return project(self, bug(hidden), cos, sin)

    def step() -> None:
        with mock.patch.object(Attention, "project", broken):
            trainer.step(0)

    return step


def main(key: str) -> dict[str, Any]:
    """Plant every bug on the chip's fake device and on the CPU."""
    here = fake_device(key)
    report: dict[str, Any] = {"device": {}, "cpu": {}, "lacking": {}}
    with tempfile.TemporaryDirectory() as folder:
        for place, device in (("device", key), ("cpu", "cpu")):
            config = train_config(device, "float32")
            object.__setattr__(config, "mixture", {"image": Share(1)})
            trainer = start(config, pathlib.Path(folder) / place).trainer
            for name, bug in (BUGS | MORE).items():
                report[place][name] = selection(planted(trainer, bug))
            report[place]["none"] = selection(planted(trainer, lambda x: x))
    matrix = torch.ones(8, 8, device=here.place, dtype=torch.float32)
    report["lacking"] = {name: selection(lambda c=call: c(matrix)) for name, call in LACKING.items()}
    unwritten = torch.empty(4, device=here.place, dtype=torch.float32)
    report["unwritten_is_nan"] = bool(unwritten.held.isnan().all())
    return report


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
