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

from sancai.device.identity import cache_folder, identity
from sancai.device.platform import wait_for
from sancai.errors import first_line
from sancai.ops.adamw import fused_adamw
from sancai.ops.attention import attention, sparse_attention
from sancai.ops.backends import PROVIDERS
from sancai.ops.compress import compress
from sancai.ops.experts import experts
from sancai.ops.grouped_matmul import grouped_matmul
from sancai.ops.muon import muon_step
from sancai.ops.norm import rms_norm
from sancai.ops.norm_rope import norm_rope
from sancai.ops.outcomes import REFERENCE, Outcome, OutcomeFile
from sancai.ops.quantisation import quant_matmul
from sancai.ops.roles import Kernel, Provider, Role, place_of, run
from sancai.ops.rope import rotate
from sancai.ops.route import route
from sancai.ops.sinkhorn import sinkhorn
from sancai.ops.site import site
from sancai.ops.streams import hyper_pre, mix
from sancai.ops.swiglu import swiglu
from sancai.ops.topk import indexer_topk
from sancai.ops.trial import Draw, check, seconds

FILE = "kernels.json"
ROLES: tuple[Role[..., Any], ...] = (
    rms_norm, rotate, norm_rope, attention, sparse_attention, indexer_topk, compress, hyper_pre, mix, site, sinkhorn, route,
    experts, grouped_matmul, swiglu, quant_matmul, fused_adamw, muon_step,
)  # fmt: skip
OUTCOMES: dict[tuple[str, str, str], tuple[Role[..., Any], Outcome]] = {}
"""By role, device type and dtype: what this process has chosen."""


class Place(NamedTuple):
    """Where a choice holds."""

    device: torch.device
    dtype: torch.dtype

    @property
    def told(self) -> str:
        return str(self.dtype).removeprefix("torch.")


class Trial(NamedTuple):
    """One provider tried: its kernel and time, or what is wrong with it."""

    provider: Provider
    kernel: Kernel | None
    seconds: float
    problem: str | None


Choice = tuple[Outcome, Kernel | None]


def choose_providers(
    device: torch.device,
    dtype: torch.dtype,
    *,
    roles: Sequence[Role[..., Any]] = ROLES,
    providers: Sequence[Provider] = PROVIDERS,
    folder: pathlib.Path | None = None,
    is_fresh: bool = False,
) -> tuple[Outcome, ...]:
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
    able = [(p, p.missing(device)) for p in providers]
    present = [p for p, why in able if why is None]
    file = OutcomeFile((folder or cache_folder()) / FILE, _key(device, present) if present else "")
    for role in roles:
        if role.playing:  # references that are tried may call other roles
            role.playing.pop(_called_at(role, place), None)
    found = []
    for role in roles:
        absent = {p.name: why for p, why in able if p.role == role.name and why is not None} | role.dropped
        mine = [p for p in present if p.role == role.name and p.name not in role.dropped]
        outcome, kernel = _decide(role, place, mine, None if is_fresh else file.get(role.name, place.told))
        if mine:
            file.put(outcome)
        found.append((role, replace(outcome, others=outcome.others | absent), kernel))
    for role, outcome, kernel in found:
        OUTCOMES[role.name, device.type, place.told] = role, outcome
        if kernel is not None:
            role.use(outcome.chosen, kernel, _called_at(role, place))
    file.save()
    return tuple(outcome for _, outcome, _ in found)


def explain() -> str:
    """Return a table of what plays every role in this process, why, and why the others do not."""
    rows = [("role", "device", "dtype", "chosen", "why")]
    for role, o in OUTCOMES.values():
        dropped = role.dropped.get(o.chosen)
        chosen, why = (REFERENCE, f"{o.chosen} {dropped}") if dropped else (o.chosen, o.why)
        rows.append((o.role, o.device, o.dtype, chosen, why))
        rows += [("", "", "", f"not {name}", reason) for name, reason in o.others.items()]
    if len(rows) == 1:
        return "no kernels were chosen yet: the PyTorch reference plays every role"
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return "\n".join("  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[4]]) for row in rows)


def _called_at(role: Role[..., Any], place: Place) -> tuple[str, torch.dtype]:
    """Return how a role's calls tell themselves; some are in fp32 whatever layers compute in."""
    return place.device.type, place_of(role.cases(Draw(torch.device("cpu"), place.dtype))[0].arguments[0])[1]


def _decide(role: Role[..., Any], place: Place, providers: Sequence[Provider], kept: Outcome | None) -> Choice:
    """Decide one role: as it was decided before, or by trying everyone who is present."""
    if not providers:
        return Outcome(role.name, place.device.type, place.told, REFERENCE, "there is no kernel for this device"), None
    if kept is None:
        return _try_all(role, place, providers)
    if kept.chosen == REFERENCE:
        return kept, None
    provider = next((p for p in providers if p.name == kept.chosen), None)
    kernel = _load(provider) if provider else None
    return (kept, kernel) if isinstance(kernel, Kernel) else _try_all(role, place, providers)


def _try_all(role: Role[..., Any], place: Place, providers: Sequence[Provider]) -> Choice:
    """Try every provider; choose the fastest right one if it beats the reference."""
    wait = functools.partial(wait_for, place.device)
    usual = seconds(role.reference, role.cases(Draw(*place, is_large=True))[0], wait)
    trials = sorted((_try(role, p, place, wait) for p in providers), key=lambda t: t.seconds)
    right = [t for t in trials if t.problem is None]
    others = {t.provider.name: t.problem or f"right, but {_told(t.seconds)} against {_told(usual)}" for t in trials}
    if not right or right[0].seconds >= usual:
        why = "every kernel is slower" if right else "no kernel is right"
        return Outcome(role.name, place.device.type, place.told, REFERENCE, why, others), None
    name = right[0].provider.name
    del others[name]
    why = f"right, and {_told(right[0].seconds)} against {_told(usual)}"
    return Outcome(role.name, place.device.type, place.told, name, why, others), right[0].kernel


def _try(role: Role[..., Any], provider: Provider, place: Place, wait: Callable[[], None]) -> Trial:
    """Load a provider, hold it against the reference, and time it."""
    kernel = _load(provider)
    if isinstance(kernel, str):
        return Trial(provider, None, 0.0, kernel)
    scratch = Role(role.name, role.reference, role.cases)  # a failure here drops nobody yet
    function = functools.partial(run, scratch, provider.name, kernel)
    cases = [c for c in role.cases(Draw(*place)) if kernel.covers(*c.arguments)]
    large = role.cases(Draw(*place, is_large=True))[0]
    if not cases or not kernel.covers(*large.arguments):
        return Trial(provider, None, 0.0, f"does not cover {place.told}")
    problem, taken = None, 0.0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            problem = check(function, role.reference, cases)
            problem = scratch.dropped.get(provider.name, f"wrong: {problem}" if problem else None)
            taken = seconds(function, large, wait) if problem is None else 0.0
            problem = problem or scratch.dropped.get(provider.name)
    except Exception as error:
        problem = f"raised {type(error).__name__}: {first_line(error)}"
    return Trial(provider, kernel, taken, problem)


def _load(provider: Provider) -> Kernel | str:
    """Return the kernel, or why it does not load."""
    try:
        return provider.load()
    except Exception as error:
        return f"does not load: {type(error).__name__}: {first_line(error)}"


def _told(taken: float) -> str:
    return f"{taken * 1e3:.3g} ms"


def _key(device: torch.device, present: Sequence[Provider]) -> str:
    """Return what an outcome depends on: the machine, the libraries, and the source of the operators."""
    facts = identity(device) | {p.name: p.version() for p in present} | {"operators": _source()}
    return json.dumps(facts, sort_keys=True)


@functools.lru_cache(maxsize=1)
def _source() -> str:
    """Return a digest of the operators' source."""
    digest = hashlib.sha256()
    for path in sorted(pathlib.Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
