"""Kernel selection: which backend runs each operator on a device.

`select_backends` is called once, when a model is placed on a device.  For each operator it activates the fastest kernel
that is available, agrees with the reference, and is faster than it.  The results are kept in the tuning cache, by
device, driver, library versions and the source of the operators; `explain` prints them.  Every rank selects for itself;
ranks that share a cache file select alike.
"""

import functools
import hashlib
import json
import logging
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
from sancai.ops.dispatch import Backend, DispatchKey, Kernel, Operator, dispatch_key, run_kernel
from sancai.ops.experts import experts
from sancai.ops.grouped_linear import grouped_linear
from sancai.ops.grouped_matmul import grouped_matmul
from sancai.ops.muon import muon_step
from sancai.ops.norm import rms_norm
from sancai.ops.norm_rope import norm_rope
from sancai.ops.rope import rotate
from sancai.ops.route import route
from sancai.ops.sinkhorn import sinkhorn
from sancai.ops.site import site, site_head
from sancai.ops.streams import hyper_pre, mix
from sancai.ops.swiglu import swiglu
from sancai.ops.tuning_cache import REFERENCE, Selection, TuningCache
from sancai.ops.verification import SampleTensors, median_seconds, verify

FILE = "kernels.json"
LOGGER = logging.getLogger(__name__)
OPERATORS: tuple[Operator[..., Any], ...] = (
    rms_norm, rotate, norm_rope, attention, sparse_attention, compress, hyper_pre, mix, sinkhorn, site, site_head,
    grouped_linear, route, experts, grouped_matmul, swiglu, fused_adamw, muon_step,
)  # fmt: skip
SELECTIONS: dict[tuple[str, str, str], tuple[Operator[..., Any], Selection]] = {}
"""What this process has selected, by operator, device type and dtype."""


class Target(NamedTuple):
    """The device and dtype that kernels are selected for."""

    device: torch.device
    dtype: torch.dtype

    @property
    def dtype_name(self) -> str:
        return str(self.dtype).removeprefix("torch.")


class Measurement(NamedTuple):
    """One backend's kernel and its time in seconds, or the problem with it."""

    backend: Backend
    kernel: Kernel | None
    seconds: float
    problem: str | None


def select_backends(
    device: torch.device,
    dtype: torch.dtype,
    *,
    operators: Sequence[Operator[..., Any]] = OPERATORS,
    backends: Sequence[Backend] = BACKENDS,
    folder: pathlib.Path | None = None,
    is_fresh: bool = False,
) -> tuple[Selection, ...]:
    """Select and activate a kernel for every operator on a device; return the selections.

    Args:
        device: where the model is.
        dtype: the dtype that its layers compute in.
        operators: the operators to select for.
        backends: the candidates.
        folder: folder of the tuning cache; the user's cache folder if None.
        is_fresh: verify and time everything again, whatever the cache holds.
    """
    target = Target(device, dtype)
    reasons = [(b, b.unavailable_reason(device)) for b in backends]
    available = [b for b, reason in reasons if reason is None]
    cache = TuningCache((folder or cache_folder()) / FILE, _cache_key(device, available) if available else "")
    for operator in operators:
        if operator.active:  # a reference that is timed may call other operators: it must call their references
            operator.active.pop(_key_of_calls(operator, target), None)
    found = []
    for operator in operators:
        unavailable = {b.name: why for b, why in reasons if b.operator == operator.name and why is not None}
        candidates = [b for b in available if b.operator == operator.name and b.name not in operator.disabled]
        cached = None if is_fresh else cache.get(operator.name, target.dtype_name)
        selection, kernel = _select(operator, target, candidates, cached)
        if candidates:
            cache.put(selection)
        others = selection.others | unavailable | operator.disabled
        found.append((operator, replace(selection, others=others), kernel))
    for operator, selection, kernel in found:
        SELECTIONS[operator.name, device.type, target.dtype_name] = operator, selection
        LOGGER.info(
            "%s on %s in %s: %s (%s)", operator.name, device, target.dtype_name, selection.chosen, selection.why
        )
        if kernel is not None:
            operator.enable(selection.chosen, kernel, _key_of_calls(operator, target))
    cache.save()
    return tuple(selection for _, selection, _ in found)


def explain() -> str:
    """Return a table of the kernel that each operator uses in this process, and why the others are not used."""
    rows = [("operator", "device", "dtype", "chosen", "why")]
    for operator, s in SELECTIONS.values():
        disabled = operator.disabled.get(s.chosen)
        chosen, why = (REFERENCE, f"{s.chosen} {disabled}") if disabled else (s.chosen, s.why)
        rows.append((s.operator, s.device, s.dtype, chosen, why))
        rows += [("", "", "", f"not {name}", reason) for name, reason in s.others.items()]
    if len(rows) == 1:
        return "no kernels have been selected yet: every operator uses its PyTorch reference"
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return "\n".join("  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[4]]) for row in rows)


def _key_of_calls(operator: Operator[..., Any], target: Target) -> DispatchKey:
    """Return the dispatch key of an operator: the dtype of its first argument, which may be fp32 in a bf16 model."""
    sample = operator.samples(SampleTensors(torch.device("cpu"), target.dtype))[0]
    return target.device.type, dispatch_key(sample.arguments[0])[1]


def _select(
    operator: Operator[..., Any], target: Target, backends: Sequence[Backend], cached: Selection | None
) -> tuple[Selection, Kernel | None]:
    """Select a kernel from the cache, or by measuring every candidate."""
    if not backends:
        why = "there is no kernel for this device"
        return Selection(operator.name, target.device.type, target.dtype_name, REFERENCE, why), None
    if cached is None:
        return _measure_all(operator, target, backends)
    if cached.chosen == REFERENCE:
        return cached, None
    backend = next((b for b in backends if b.name == cached.chosen), None)
    kernel = _load(backend) if backend else None
    return (cached, kernel) if isinstance(kernel, Kernel) else _measure_all(operator, target, backends)


def _measure_all(
    operator: Operator[..., Any], target: Target, backends: Sequence[Backend]
) -> tuple[Selection, Kernel | None]:
    """Verify and time every candidate; select the fastest correct one if it beats the reference."""
    wait = functools.partial(synchronize_device, target.device)
    usual = median_seconds(operator.reference, operator.samples(SampleTensors(*target, benchmark=True))[0], wait)
    measured = sorted((_measure(operator, b, target, wait) for b in backends), key=lambda m: m.seconds)
    right = [m for m in measured if m.problem is None]
    others = {m.backend.name: m.problem or f"right, but {_ms(m.seconds)} against {_ms(usual)}" for m in measured}
    where = operator.name, target.device.type, target.dtype_name
    if not right or right[0].seconds >= usual:
        why = "every kernel is slower" if right else "no kernel is right"
        return Selection(*where, REFERENCE, why, others), None
    name = right[0].backend.name
    del others[name]
    why = f"right, and {_ms(right[0].seconds)} against {_ms(usual)}"
    return Selection(*where, name, why, others), right[0].kernel


def _measure(operator: Operator[..., Any], backend: Backend, target: Target, wait: Callable[[], None]) -> Measurement:
    """Load a backend's kernel, verify it and time it."""
    kernel = _load(backend)
    if isinstance(kernel, str):
        return Measurement(backend, None, 0.0, kernel)
    scratch = Operator(operator.name, operator.reference, operator.samples)  # a failure here disables nothing yet
    function = functools.partial(run_kernel, scratch, backend.name, kernel)
    samples = [s for s in operator.samples(SampleTensors(*target)) if kernel.supports(*s.arguments)]
    large = operator.samples(SampleTensors(*target, benchmark=True))[0]
    if not samples or not kernel.supports(*large.arguments):
        return Measurement(backend, None, 0.0, f"does not support {target.dtype_name}")
    problem, seconds = None, 0.0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            problem = verify(function, operator.reference, samples)
            problem = scratch.disabled.get(backend.name, f"wrong: {problem}" if problem else None)
            seconds = median_seconds(function, large, wait) if problem is None else 0.0
            problem = problem or scratch.disabled.get(backend.name)
    except Exception as error:
        problem = f"raised {type(error).__name__}: {first_line(error)}"
    return Measurement(backend, kernel, seconds, problem)


def _load(backend: Backend) -> Kernel | str:
    """Return the kernel, or why it does not load."""
    try:
        return backend.load()
    except Exception as error:
        return f"does not load: {type(error).__name__}: {first_line(error)}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms"


def _cache_key(device: torch.device, available: Sequence[Backend]) -> str:
    """Return what a selection depends on: the machine, the libraries, and the source of the operators."""
    facts = device_fingerprint(device) | {b.name: b.version() for b in available} | {"operators": _source_digest()}
    return json.dumps(facts, sort_keys=True)


@functools.lru_cache(maxsize=1)
def _source_digest() -> str:
    """Return a digest of the operators' source."""
    digest = hashlib.sha256()
    for path in sorted(pathlib.Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
