"""Run one training pass of a released architecture, at real size, on a device `npu` that computes shapes only.

    python tests/chips/full_size.py v4-flash [layers]

Prints as JSON what the pass asked of the device.  Run by `test_full_size.py`, each time in a process of its own.
"""

import dataclasses
import functools
import json
import resource
import sys
import time
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from shape_device import ShapeDevice

from sancai.estimate import Trace
from sancai.estimate.cost_model import CostModel
from sancai.estimate.memory import copied_bytes
from sancai.estimate.op_cost import totals, with_backward
from sancai.estimate.workload import ElementBytes, Workload
from sancai.model import AuxiliaryLosses, ModelConfig, Transformer, VisualConfig, moe, named_config
from sancai.model.attention import Attention
from sancai.ops.sinkhorn import sinkhorn
from sancai.sequence import Block, PackedSequence, Text, pack

DEVICE = "npu"
SIDE, FRAMES = 16, 4
TEXT = (2048, 1024)
PARTS: tuple[tuple[Any, str, str], ...] = (
    (moe.Gate, "forward", "route"), (moe.Experts, "forward", "experts"), (Attention, "project", "project"),
    (Attention, "attend", "attend"),
)  # fmt: skip


def config_of(name: str, layers: int | None) -> ModelConfig:
    """Return an architecture with a visual half, with all its layers or the first so many."""
    config = named_config(name)
    if layers is not None:
        ratios = (*config.compress_ratios[:layers], *config.compress_ratios[config.num_hidden_layers :])
        config = dataclasses.replace(config, num_hidden_layers=layers, compress_ratios=ratios)
    return dataclasses.replace(config, visual=VisualConfig(n_routed_experts=16))


def document() -> PackedSequence:
    """Return text, a picture, text, and a noisy film block."""
    ids = [list(range(count)) for count in TEXT]
    picture, film = (np.zeros((count, SIDE, SIDE, 256), np.float32) for count in (1, FRAMES))
    return pack([[[
        Text(ids=ids[0]), Block(latents=picture, times=[0], committed=True), Text(ids=ids[1]),
        Block(latents=film, times=range(FRAMES), sigma=0.5),
    ]]])  # fmt: skip


def label(trace: Trace) -> None:
    """Let the trace know in which part of the model an operator runs."""
    users = [m for n, m in sys.modules.items() if n.startswith("sancai.") and vars(m).get("sinkhorn") is sinkhorn]
    for owner, name, part in (*PARTS, *((user, "sinkhorn", "sinkhorn") for user in users)):
        setattr(owner, name, within(trace, getattr(owner, name), part))


def within(trace: Trace, function: Any, part: str) -> Any:
    """Return the function under a part's name."""

    @functools.wraps(function)
    def labelled(*args: Any, **kwargs: Any) -> Any:
        before, trace.part = trace.part, part
        try:
            return function(*args, **kwargs)
        finally:
            trace.part = before

    return labelled


def loss_of(model: Transformer, packed: PackedSequence) -> torch.Tensor:
    """Return a loss that reaches every part that learns."""
    aux = AuxiliaryLosses()
    out = model(packed, aux=aux, wants_mtp=True)
    shapes = (out.hidden.shape, out.mtp_hidden.shape, out.prediction.shape)
    text, noisy, dim = sum(TEXT), FRAMES * SIDE * SIDE, model.config.hidden_size
    assert shapes == ((1, text, dim), (1, text, dim), (1, noisy, 256)), shapes
    assert out.prediction.dtype == torch.float32 and out.hidden.dtype == torch.bfloat16
    targets = torch.zeros(text, dtype=torch.int64, device=DEVICE)
    scores = [F.cross_entropy(model.logits(hidden[0]), targets) for hidden in (out.hidden, out.mtp_hidden)]
    return out.prediction.square().mean() + sum(scores) + torch.stack(aux.balance).mean()


def counts(trace: Trace) -> dict[str, float]:
    """Return what has been counted so far."""
    return {"flops": trace.flops, "bytes": trace.bytes_moved, "launches": trace.launches, "peak": trace.peak_bytes}


def formulas(config: ModelConfig) -> dict[str, Any]:
    """Return the closed form of the same: for the forward pass, for both, and of the memory that tiles keep."""
    frame = SIDE * SIDE
    load = Workload(
        text=sum(TEXT), committed=frame, noisy=FRAMES * frame, frame_tokens=frame, scored=sum(TEXT), with_mtp=True
    )
    forward = CostModel(config, "eager", ElementBytes(math=2, weights=4, experts=4)).forward(load)
    return {
        "forward": dataclasses.asdict(totals(forward)),
        "both": dataclasses.asdict(totals(with_backward(forward))),
        "copied": copied_bytes(config, load),
    }


def main(name: str, layers: int | None) -> dict[str, Any]:
    """Return everything that the test looks at."""
    started = time.monotonic()
    config = config_of(name, layers)
    device, trace = ShapeDevice(DEVICE), Trace(DEVICE)
    label(trace)
    with device, torch.device(DEVICE):
        model = Transformer(config)
        device.take(model)
    model.compute_dtype = torch.bfloat16
    with device, trace:
        loss = loss_of(model, document())
        forward = counts(trace)
        loss.backward()
        both = counts(trace)
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "parameters": sum(p.numel() for p in model.parameters()), "layers": config.num_hidden_layers,
        "traced": {"forward": forward, "both": both}, "formula": formulas(config),
        "mixed": trace.mixed, "wide": trace.wide,
        "without_gradient": [n for n, p in model.named_parameters() if p.grad is None],
        "dtypes": {
            part: sorted(str(d) for p, d in trace.dtypes if p == part)
            for part in ("route", "experts", "project", "attend", "sinkhorn")
        },
        "flops_of": {f"{part or 'other'} {dtype}": n for (part, dtype), n in trace.flops_of.items()},
        "host_memory": used.ru_maxrss * 1024, "cpu_seconds": used.ru_utime + used.ru_stime,
        "seconds": time.monotonic() - started,
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None), default=str))
