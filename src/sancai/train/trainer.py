"""One optimisation step: batches → losses → gradients → update → routing biases → moving average of the weights."""

import math
from collections import defaultdict
from collections.abc import Callable

import torch
from torch import Tensor

from sancai.data.dataset import Dataset
from sancai.device import collectives
from sancai.device.sharding import to_local
from sancai.device.transfer import to_host
from sancai.errors import CapacityError, ConfigError
from sancai.model import AuxiliaryLosses, Module, Transformer
from sancai.model.moe import MoE
from sancai.train.batch import Batch
from sancai.train.batches import Batches
from sancai.train.config import TrainConfig
from sancai.train.flops import active_weights, batch_flops
from sancai.train.loss import Term, Totals, loss_terms
from sancai.train.optimizer import EmaTarget, Optimizer


def compile_hot_paths(model: Transformer) -> None:
    """Compile the methods that consist of many small operations; shapes stay free."""
    for module in model.modules():
        for name in module.compiled if isinstance(module, Module) else ():
            setattr(module, name, torch.compile(getattr(module, name), dynamic=True))


class Trainer:
    """Everything that a step changes: weights, optimizer, routing biases and the weights' moving average."""

    def __init__(self, model: Transformer, dataset: Dataset, config: TrainConfig) -> None:
        self.model, self.dataset, self.config = model, dataset, config
        self.active = active_weights(model)
        self.batches: Callable[[int], list[Batch]] = Batches(dataset, config)
        if config.compile:
            compile_hot_paths(model)
        self.optimizer = Optimizer(model, config.optimizer)
        self.ema = {n: t.detach().clone() for n, t in model.state_dict().items()}
        self.moes = {m.name: m for m in model.modules() if isinstance(m, MoE)}
        self.averaged = [n for n, t in self.ema.items() if t.is_floating_point()]

    def step(self, number: int) -> dict[str, float]:
        """Run step `number`; return its losses and statistics.

        Of several ranks each learns from its part of every batch's rows; gradients, losses and loads are added up, so
        that all ranks make the same step, which is the step that one rank would make (but for the balance of experts,
        which every rank sees for its own rows).

        The host reads from the device once, between the gradients and the update: everything that is reported is
        known by then, and a norm that is not finite stops the step before anything has changed.

        Raises:
            CapacityError: the gradients are not finite.
            ConfigError: a batch has fewer rows than there are ranks.
        """
        batches = self.batches(number)
        totals = Totals(sum(b.noisy_weight for b in batches), sum(b.text_tokens for b in batches), len(batches))
        terms: list[tuple[Batch, str, Term]] = []
        loads: dict[str, Tensor] = {}
        for batch in batches:
            learned, aux = self._learn(batch, totals)
            terms += [(batch, name, term) for name, term in learned.items()]
            for name, load in aux.loads.items():
                loads[name] = loads.get(name, 0) + load
        self.optimizer.gather()
        values, loads = _all_ranks([term.total.detach() for _, _, term in terms], loads)
        shares = {name: load / load.sum().clamp(min=1) for name, load in loads.items()}
        *read, norm = _read([*map(_effective, shares.values()), *values, self.optimizer.clip()])
        experts, sums = read[: len(shares)], read[len(shares) :]
        _check_finite(norm)
        ema = EmaTarget(self.ema, self._ema_share(number))
        updated = self.optimizer.step(self.config.lr_factor(number), ema)
        self._balance(shares)
        self._update_ema(ema.share, updated)
        report = _losses(terms, sums) | {"gradient_norm": norm, "lr_factor": self.config.lr_factor(number)}
        return report | {"effective_experts": min(experts, default=float("inf"))} | self._amounts(batches)

    def _learn(self, batch: Batch, totals: Totals) -> tuple[dict[str, Term], AuxiliaryLosses]:
        """Add one batch's gradients; return its loss terms and routing statistics."""
        part = _part(batch)
        placed = part.to(self.model.device)
        aux = AuxiliaryLosses(wants_indexer=batch.task.indexer)
        output = self.model(placed.packed, aux=aux, wants_mtp=batch.task.mtp)
        terms = loss_terms(self.model, placed, output, aux, self.config.loss, totals)
        share = part.num_rows / batch.num_rows
        for name in {"balance", "indexer"} & terms.keys():  # means over rows: each rank has its share of them
            terms[name] = Term(terms[name].total * share, terms[name].scale)
        loss = torch.stack([term.total * term.scale for term in terms.values()]).sum()
        if loss.requires_grad:  # with a frozen text half, text alone teaches nothing
            loss.backward()
        return terms, aux

    def _amounts(self, batches: list[Batch]) -> dict[str, float]:
        """Return how much a step learned from, and what it computed."""
        real = sum(int(b.packed.text.is_real.sum()) for b in batches)
        columns = sum(b.packed.text_ids.numel() for b in batches)
        return {
            "frames": sum(b.frames for b in batches),
            "noisy_tokens": sum(b.noisy_tokens for b in batches),
            "text_tokens": real,
            "learned_tokens": sum(b.text_tokens for b in batches),
            "text_padding": 1 - real / max(columns, 1),
            "flops": sum(batch_flops(b, self.active, self.config.model) for b in batches),
        }

    @torch.no_grad()
    def _balance(self, shares: dict[str, Tensor]) -> None:
        """Move routing biases against the load."""
        for name, share in shares.items():
            gate = self.moes[name].gate
            if hasattr(gate, "bias") and gate.weight.requires_grad:
                gate.bias += self.config.loss.bias_step * (share.mean() - share).sign()

    @torch.no_grad()
    def _update_ema(self, share: float, updated: set[str]) -> None:
        """Move the averages that the optimizer has not moved yet towards the weights."""
        state, rest = self.model.state_dict(), [n for n in self.averaged if n not in updated]
        averages, weights = ([to_local(kept[n]) for n in rest] for kept in (self.ema, state))
        torch._foreach_lerp_(averages, weights, share)

    def _ema_share(self, number: int) -> float:
        """Return how far averages move towards the weights: further in the first steps."""
        return 1 - min(self.config.ema, (1 + number) / (10 + number))


def _losses(terms: list[tuple[Batch, str, Term]], sums: list[float]) -> dict[str, float]:
    """Return each term's part of the step's loss, and the mean of each task's flow and text loss."""
    report: dict[str, float] = defaultdict(float)
    for (batch, name, term), total in zip(terms, sums, strict=True):
        report[f"loss/{name}"] += total * term.scale
        if name in ("flow", "text"):
            count = batch.noisy_weight if name == "flow" else batch.text_tokens
            report[f"{name}/{batch.name}"] = total / max(count, 1.0)
    return dict(report)


def _part(batch: Batch) -> Batch:
    """Return this rank's rows of a batch.

    Raises:
        ConfigError: there are fewer rows than ranks.
    """
    rank, world = collectives.rank(), collectives.world_size()
    if world == 1:
        return batch
    if batch.num_rows < world:
        raise ConfigError(
            f"{batch.name} has {batch.num_rows} rows a step, fewer than {world} ranks; raise its share in the mixture"
        )
    first, last = (batch.num_rows * r // world for r in (rank, rank + 1))
    return batch.rows(slice(first, last))


def _all_ranks(values: list[Tensor], loads: dict[str, Tensor]) -> tuple[list[Tensor], dict[str, Tensor]]:
    """Return losses and loads of all ranks together."""
    sums = collectives.all_reduce_coalesced([*values, *loads.values()])
    return sums[: len(values)], dict(zip(loads, sums[len(values) :], strict=True))


def _read(values: list[Tensor]) -> list[float]:
    """Return scalars of the device: the one read of a step."""
    return to_host(torch.stack(values)).tolist()


def _effective(share: Tensor) -> Tensor:
    """Return the effective number of experts, the exponential of the entropy of their shares (E,)."""
    return (-(share * share.clamp(min=1e-9).log()).sum()).exp()


def _check_finite(norm: float) -> None:
    if not math.isfinite(norm):
        raise CapacityError("the gradients are not finite; nothing was changed: lower the rates or go on from a state")
