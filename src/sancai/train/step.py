"""One optimisation step: batches → losses → gradients → update → routing biases → average."""

import math
from collections import defaultdict

import torch
from torch import Tensor

from sancai.data.characters.samples import Sampler
from sancai.device import collectives
from sancai.device.sharding import to_local
from sancai.device.transfer import to_host
from sancai.errors import CapacityError, ConfigError
from sancai.model import AuxiliaryLosses, Module, Transformer
from sancai.model.moe import MoE
from sancai.train.batch import Batch, batches
from sancai.train.config import TrainConfig
from sancai.train.loss import Totals, loss_terms
from sancai.train.optimizer import Optimizer

READING = ("look", "arithmetic", "talk")


def compile_hot_paths(model: Transformer) -> None:
    """Compile the methods that consist of many small operations; shapes stay free."""
    for module in model.modules():
        for name in module.compiled if isinstance(module, Module) else ():
            setattr(module, name, torch.compile(getattr(module, name), dynamic=True))


class Stepper:
    """Everything that a step changes: weights, optimizer, routing biases and the weights' average."""

    def __init__(self, model: Transformer, sampler: Sampler, config: TrainConfig) -> None:
        self.model, self.sampler, self.config = model, sampler, config
        if config.compile:
            compile_hot_paths(model)
        self.optimizer = Optimizer(model, config.optimizer)
        self.average = {n: t.detach().clone() for n, t in model.state_dict().items()}
        self.moes = {m.name: m for m in model.modules() if isinstance(m, MoE)}
        self.followed = [n for n, t in self.average.items() if t.is_floating_point()]

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
        todo = list(batches(self.sampler, self.config, number))
        totals = Totals(sum(b.noisy_weight for b in todo), sum(b.text_tokens for b in todo), len(todo))
        told: list[tuple[Batch, str]] = []
        values: list[Tensor] = []
        loads: dict[str, Tensor] = {}
        for batch in todo:
            terms, aux = self._learn(batch, totals)
            told += [(batch, name) for name in terms]
            values += [term.detach() for term in terms.values()]
            for name, load in aux.loads.items():
                loads[name] = loads.get(name, 0) + load
        self.optimizer.gather()
        values, loads = _all_ranks(values, loads)
        shares = {name: load / load.sum().clamp(min=1) for name, load in loads.items()}
        *losses, norm = _read([*map(_effective, shares.values()), *values, self.optimizer.clip()])
        experts, losses = losses[: len(shares)], losses[len(shares) :]
        _check_finite(norm)
        self.optimizer.step(self.config.rate(number))
        self._balance(shares)
        self._follow(number)
        report = self._losses(told, losses, totals)
        report |= {"gradient_norm": norm, "rate": self.config.rate(number)}
        report["effective_experts"] = min(experts, default=float("inf"))
        report["noisy_tokens"], report["text_tokens"] = sum(b.noisy_tokens for b in todo), totals.text
        return report

    def _learn(self, batch: Batch, totals: Totals) -> tuple[dict[str, Tensor], AuxiliaryLosses]:
        """Add one batch's gradients; return its loss terms and routing statistics."""
        part = _part(batch)
        placed = part.to(self.model.device)
        aux = AuxiliaryLosses(wants_indexer=batch.task == "look")
        output = self.model(placed.packed, aux=aux, wants_mtp=batch.task in READING)
        terms = loss_terms(self.model, placed, output, aux, self.config.loss, totals)
        share = part.num_rows / batch.num_rows
        terms |= {name: terms[name] * share for name in ("balance", "indexer") if name in terms and share < 1}
        loss = torch.stack(list(terms.values())).sum()
        if loss.requires_grad:  # with a frozen text half, text alone teaches nothing
            loss.backward()
        return terms, aux

    def _losses(self, told: list[tuple[Batch, str]], losses: list[float], totals: Totals) -> dict[str, float]:
        """Return each term's sum over the batches, and the plain mean of each task's flow and text loss."""
        report: dict[str, float] = defaultdict(float)
        for (batch, name), loss in zip(told, losses, strict=True):
            report[f"loss/{name}"] += loss
            if name in ("flow", "text"):
                count = batch.noisy_weight if name == "flow" else batch.text_tokens
                report[f"{name}/{batch.task}"] = loss * self._share(name, totals) / max(count, 1.0)
        return dict(report)

    def _share(self, name: str, totals: Totals) -> float:
        """Return what a loss term was divided by."""
        loss = self.config.loss
        return totals.noisy if name == "flow" else max(totals.text, loss.least_text) / max(loss.text, 1e-12)

    @torch.no_grad()
    def _balance(self, shares: dict[str, Tensor]) -> None:
        """Move routing biases against the load."""
        for name, share in shares.items():
            gate = self.moes[name].gate
            if hasattr(gate, "bias") and gate.weight.requires_grad:
                gate.bias += self.config.loss.bias_step * (share.mean() - share).sign()

    @torch.no_grad()
    def _follow(self, number: int) -> None:
        """Move the average towards the weights, faster in the beginning."""
        keep = min(self.config.ema, (1 + number) / (10 + number))
        state = self.model.state_dict()
        averages, weights = ([to_local(kept[n]) for n in self.followed] for kept in (self.average, state))
        torch._foreach_lerp_(averages, weights, 1 - keep)


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
            f"{batch.task} has {batch.num_rows} rows a step, fewer than {world} ranks; raise its share in the mixture"
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
