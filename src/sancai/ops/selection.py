"""Which kernel plays which role on a device: present, right against the reference, faster, in this order.

`choose_providers` is called once, when a model is put on a device.  What it finds out is kept in the user's cache
folder, by device, driver, library versions and the source of the operators; `explain` tells it.  Ranks of one run
choose for themselves; with a shared cache file they choose alike.
"""

import functools
import hashlib
import json
import pathlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch

from sancai.device.fingerprint import cache_folder, device_fingerprint
from sancai.device.platform import synchronize_device
from sancai.errors import first_line
from sancai.ops.adamw import fused_adamw
from sancai.ops.attention import attention, sparse_attention
from sancai.ops.backends import BACKENDS
from sancai.ops.compress import compress
from sancai.ops.dispatch import Backend, Kernel, Operator, dispatch_key, run_kernel
from sancai.ops.experts import experts
from sancai.ops.grouped_linear import grouped_linear
from sancai.ops.grouped_matmul import grouped_matmul
from sancai.ops.muon import muon_step
from sancai.ops.norm import rms_norm
from sancai.ops.norm_rope import norm_rope
from sancai.ops.quantisation import quant_matmul
from sancai.ops.rope import rotate
from sancai.ops.route import route
from sancai.ops.sinkhorn import sinkhorn
from sancai.ops.site import site, site_head
from sancai.ops.streams import hyper_pre, mix
from sancai.ops.swiglu import swiglu
from sancai.ops.topk import indexer_topk
from sancai.ops.tuning_cache import REFERENCE, Selection, TuningCache
from sancai.ops.verification import SampleTensors, median_seconds, verify

FILE = "kernels.json"
OPERATORS: tuple[Operator[..., Any], ...] = (
    rms_norm, rotate, norm_rope, attention, sparse_attention, indexer_topk, compress, hyper_pre, mix, sinkhorn, site,
    site_head, grouped_linear, route, experts, grouped_matmul, swiglu, quant_matmul, fused_adamw, muon_step,
)  # fmt: skip
SELECTIONS: dict[tuple[str, str, str], tuple[Operator[..., Any], Selection]] = {}
"""By role, device type and dtype: what this process has chosen."""


class Place(NamedTuple):
    """Where a choice holds."""

    device: torch.device
    dtype: torch.dtype

    @property
    def dtype_name(self) -> str:
        return str(self.dtype).removeprefix("torch.")


class Measurement(NamedTuple):
    """One provider tried: its kernel and time, or what is wrong with it."""

    backend: Backend
    kernel: Kernel | None
    median_seconds: float
    problem: str | None


Choice = tuple[Selection, Kernel | None]


def select_backends(
    device: torch.device,
    dtype: torch.dtype,
    *,
    operators: Sequence[Operator[..., Any]] = OPERATORS,
    backends: Sequence[Backend] = BACKENDS,
    folder: pathlib.Path | None = None,
    is_fresh: bool = False,
) -> tuple[Selection, ...]:
    """Choose a kernel for every role on a device; return what was chosen.

    Args:
        device: where the model is.
        dtype: what its layers compute in.
        roles: which roles.
        providers: who may play.
        folder: where outcomes are kept; the user's cache folder if None.
        is_fresh: try everything again, whatever was kept.
    """
    place = Place(device, dtype)
    able = [(p, p.unavailable_reason(device)) for p in backends]
    present = [p for p, why in able if why is None]
    file = TuningCache((folder or cache_folder()) / FILE, _key(device, present) if present else "")
    for operator in operators:
        if operator.active:  # references that are tried may call other roles
            operator.active.pop(_called_at(operator, place), None)
    found = []
    for operator in operators:
        absent = {p.name: why for p, why in able if p.operator == operator.name and why is not None} | operator.disabled
        mine = [p for p in present if p.operator == operator.name and p.name not in operator.disabled]
        selection, kernel = _decide(
            operator, place, mine, None if is_fresh else file.get(operator.name, place.dtype_name)
        )
        if mine:
            file.put(selection)
        found.append((operator, replace(selection, others=selection.others | absent), kernel))
    for operator, selection, kernel in found:
        SELECTIONS[operator.name, device.type, place.dtype_name] = operator, selection
        if kernel is not None:
            operator.enable(selection.chosen, kernel, _called_at(operator, place))
    file.save()
    return tuple(selection for _, selection, _ in found)


def explain() -> str:
    """Return a table of what plays every role in this process, why, and why the others do not."""
    rows = [("role", "device", "dtype", "chosen", "why")]
    for operator, o in SELECTIONS.values():
        disabled = operator.disabled.get(o.chosen)
        chosen, why = (REFERENCE, f"{o.chosen} {disabled}") if disabled else (o.chosen, o.why)
        rows.append((o.operator, o.device, o.dtype, chosen, why))
        rows += [("", "", "", f"not {name}", reason) for name, reason in o.others.items()]
    if len(rows) == 1:
        return "no kernels were chosen yet: the PyTorch reference plays every role"
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return "\n".join("  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[4]]) for row in rows)


def _called_at(operator: Operator[..., Any], place: Place) -> tuple[str, torch.dtype]:
    """Return how a role's calls tell themselves; some are in fp32 whatever layers compute in."""
    return place.device.type, dispatch_key(
        operator.samples(SampleTensors(torch.device("cpu"), place.dtype))[0].arguments[0]
    )[1]


def _decide(operator: Operator[..., Any], place: Place, backends: Sequence[Backend], kept: Selection | None) -> Choice:
    """Decide one role: as it was decided before, or by trying everyone who is present."""
    if not backends:
        return Selection(
            operator.name, place.device.type, place.dtype_name, REFERENCE, "there is no kernel for this device"
        ), None
    if kept is None:
        return _try_all(operator, place, backends)
    if kept.chosen == REFERENCE:
        return kept, None
    backend = next((p for p in backends if p.name == kept.chosen), None)
    kernel = _load(backend) if backend else None
    return (kept, kernel) if isinstance(kernel, Kernel) else _try_all(operator, place, backends)


def _try_all(operator: Operator[..., Any], place: Place, backends: Sequence[Backend]) -> Choice:
    """Try every provider; choose the fastest right one if it beats the reference."""
    wait = functools.partial(synchronize_device, place.device)
    usual = median_seconds(operator.reference, operator.samples(SampleTensors(*place, benchmark=True))[0], wait)
    trials = sorted((_try(operator, p, place, wait) for p in backends), key=lambda t: t.median_seconds)
    right = [t for t in trials if t.problem is None]
    others = {
        t.backend.name: t.problem or f"right, but {_told(t.median_seconds)} against {_told(usual)}" for t in trials
    }
    if not right or right[0].median_seconds >= usual:
        why = "every kernel is slower" if right else "no kernel is right"
        return Selection(operator.name, place.device.type, place.dtype_name, REFERENCE, why, others), None
    name = right[0].backend.name
    del others[name]
    why = f"right, and {_told(right[0].median_seconds)} against {_told(usual)}"
    return Selection(operator.name, place.device.type, place.dtype_name, name, why, others), right[0].kernel


def _try(operator: Operator[..., Any], backend: Backend, place: Place, wait: Callable[[], None]) -> Measurement:
    """Load a provider, hold it against the reference, and time it."""
    kernel = _load(backend)
    if isinstance(kernel, str):
        return Measurement(backend, None, 0.0, kernel)
    scratch = Operator(operator.name, operator.reference, operator.samples)  # a failure here drops nobody yet
    function = functools.partial(run_kernel, scratch, backend.name, kernel)
    samples = [c for c in operator.samples(SampleTensors(*place)) if kernel.supports(*c.arguments)]
    large = operator.samples(SampleTensors(*place, benchmark=True))[0]
    if not samples or not kernel.supports(*large.arguments):
        return Measurement(backend, None, 0.0, f"does not cover {place.dtype_name}")
    problem, taken = None, 0.0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            problem = verify(function, operator.reference, samples)
            problem = scratch.disabled.get(backend.name, f"wrong: {problem}" if problem else None)
            taken = median_seconds(function, large, wait) if problem is None else 0.0
            problem = problem or scratch.disabled.get(backend.name)
    except Exception as error:
        problem = f"raised {type(error).__name__}: {first_line(error)}"
    return Measurement(backend, kernel, taken, problem)


def _load(backend: Backend) -> Kernel | str:
    """Return the kernel, or why it does not load."""
    try:
        return backend.load()
    except Exception as error:
        return f"does not load: {type(error).__name__}: {first_line(error)}"


def _told(taken: float) -> str:
    return f"{taken * 1e3:.3g} ms"


def _key(device: torch.device, present: Sequence[Backend]) -> str:
    """Return what an outcome depends on: the machine, the libraries, and the source of the operators."""
    facts = device_fingerprint(device) | {p.name: p.version() for p in present} | {"operators": _source()}
    return json.dumps(facts, sort_keys=True)


@functools.lru_cache(maxsize=1)
def _source() -> str:
    """Return a digest of the operators' source."""
    digest = hashlib.sha256()
    for path in sorted(pathlib.Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
