"""Muon for matrices, AdamW for the rest (DeepSeek-V4 report section 2.4).

Muon: momentum with Nesterov, orthogonalised by Newton-Schulz, rescaled to an update RMS of 0.18 so that
AdamW's rates carry over, decoupled weight decay.  Every expert's matrix is orthogonalised by itself.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sancai.device import collectives
from sancai.device.sharding import distribute_like, full_matrices, full_tensor, is_sharded, local_rows, to_local
from sancai.device.transfer import to_device
from sancai.model import muon_parameters
from sancai.ops.adamw import fused_adamw
from sancai.ops.muon import MuonRates, look_ahead, muon_step, orthogonalise

RMS = 0.18


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """Rates and decay."""

    lr: float = 2e-3
    """Peak rate of Muon."""
    adamw_lr: float = 2e-3
    weight_decay: float = 0.05
    momentum: float = 0.95
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 1e-10
    newton_schulz_steps: int = 5
    clip: float = 1.0
    """Largest norm of all gradients together."""


@dataclass(frozen=True)
class EmaTarget:
    """Moving averages by name of parameter, and how far they move towards the new weights."""

    averages: dict[str, Tensor]
    share: float


class Optimizer:
    """Both rules over one model; `state_dict` restores exactly."""

    def __init__(self, model: nn.Module, config: OptimizerConfig) -> None:
        self.config = config
        named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
        muon = muon_parameters(model)
        self.matrices = {n: p for n, p in named if n in muon}
        self.others = {n: p for n, p in named if n not in muon}
        self.momentum = {n: torch.zeros_like(p) for n, p in self.matrices.items()}
        decayed = [p for p in self.others.values() if p.dim() >= 2]
        plain = [p for p in self.others.values() if p.dim() < 2]
        self.adamw = AdamW(
            [
                {"params": decayed, "weight_decay": config.weight_decay},
                {"params": plain, "weight_decay": 0.0},
            ],
            lr=config.adamw_lr, betas=config.betas, eps=config.eps,
        )  # fmt: skip

    def gather(self) -> None:
        """Add up the gradients of all ranks, by one collective; those of sharded weights are added up already."""
        everything = (*self.matrices.values(), *self.others.values())
        if collectives.world_size() > 1 and not any(map(is_sharded, everything)):
            grads = [p.grad for p in everything if p.grad is not None]
            torch._foreach_copy_(grads, collectives.all_reduce_coalesced(grads))

    def clip(self) -> Tensor:
        """Clip all gradients together; return their norm before that, a scalar on the device."""
        everything = [*self.matrices.values(), *self.others.values()]
        norm = nn.utils.clip_grad_norm_(everything, self.config.clip, foreach=True)
        return to_device(full_tensor(norm), everything[0].device)  # without any gradient it is a zero on the host

    def step(self, scale: float, ema: EmaTarget | None = None) -> set[str]:
        """Update all parameters with rates times `scale`, and drop their gradients.

        Args:
            scale: factor of both rates.
            ema: averages to update in the same visit.

        Returns:
            Names of the averages that were updated; the others are left to the caller.
        """
        for group in self.adamw.param_groups:
            group["lr"] = self.config.adamw_lr * scale
        self.adamw.step()
        updated = self._step_matrices(self.config.lr * scale, ema)
        self.adamw.zero_grad(set_to_none=True)
        for parameter in self.matrices.values():
            parameter.grad = None
        return updated

    @torch.no_grad()
    def _step_matrices(self, lr: float, ema: EmaTarget | None) -> set[str]:
        names = [n for n, p in self.matrices.items() if p.grad is not None]
        if any(is_sharded(self.matrices[n]) for n in names):
            for same in _by_shape(self.matrices, names):
                self._step_shards(same, lr)
            return set()
        if names:
            c = self.config
            matrices: list[Tensor] = [self.matrices[n] for n in names]
            rates = MuonRates(lr, c.weight_decay, c.momentum, RMS, c.newton_schulz_steps, ema.share if ema else 0.0)
            averages = [ema.averages[n] for n in names] if ema else None
            gradients = [p.grad for p in matrices if p.grad is not None]
            muon_step(matrices, gradients, [self.momentum[n] for n in names], averages, rates)
        return set(names) if ema else set()

    def _step_shards(self, names: list[str], lr: float) -> None:
        """Update this rank's part of all matrices of one shape: its own experts, its rows of a whole matrix."""
        kept: list[Tensor] = [self.matrices[n] for n in names]
        parameters = [to_local(p) for p in kept]
        grads = [to_local(p.grad) for p in kept if p.grad is not None]
        looked = look_ahead(grads, [to_local(self.momentum[n]) for n in names], self.config.momentum)
        rows, columns = kept[0].shape[-2:]
        seen = full_matrices([g.to(torch.bfloat16) for g in looked], kept)
        update = orthogonalise(torch.cat(seen), self.config.newton_schulz_steps)
        torch._foreach_mul_(parameters, 1 - lr * self.config.weight_decay)
        parts = update.split([len(g) for g in seen])
        for parameter, part, like in zip(parameters, parts, kept, strict=True):
            mine = local_rows(part[0], like) if like.dim() == 2 else part
            parameter.sub_(mine.view_as(parameter), alpha=lr * RMS * max(rows, columns) ** 0.5)

    def state_dict(self) -> dict[str, Any]:
        """Return everything needed to go on exactly."""
        return {"momentum": self.momentum, "adamw": self.adamw.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict`'s output, which may lie on the host."""
        for name, tensor in state["momentum"].items():
            to_local(self.momentum[name]).copy_(to_local(distribute_like(tensor, self.momentum[name])))
        ordered = [p for group in self.adamw.param_groups for p in group["params"]]
        moved = {i: _distribute_state(ordered[i], facts) for i, facts in state["adamw"]["state"].items()}
        self.adamw.load_state_dict(state["adamw"] | {"state": moved})


def _distribute_state(parameter: Tensor, facts: dict[str, Any]) -> dict[str, Any]:
    """Return AdamW's averages of a parameter as it is kept; the count of steps stays on the host."""
    return {n: v if n == "step" else distribute_like(v, parameter) for n, v in facts.items()}


class AdamW(torch.optim.AdamW):
    """PyTorch's AdamW with its state, updated by the role `fused_adamw`."""

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update all parameters that have a gradient."""
        for group in self.param_groups:
            learning = [p for p in group["params"] if p.grad is not None]
            states = [self._state_of(p) for p in learning]
            means, squares = ([to_local(s[n]) for s in states] for n in ("exp_avg", "exp_avg_sq"))
            steps = [s["step"] for s in states]
            rates = group["lr"], *group["betas"], group["eps"], group["weight_decay"]
            if learning:
                fused_adamw(
                    [to_local(p) for p in learning], [to_local(p.grad) for p in learning], means, squares, steps, rates
                )

    def _state_of(self, parameter: Tensor) -> dict[str, Tensor]:
        """Return a parameter's state, made at its first update."""
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros((), device="cpu", dtype=torch.float32)
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        return state


def _by_shape(matrices: dict[str, nn.Parameter], names: list[str]) -> Iterable[list[str]]:
    """Return the names of the matrices of each shape."""
    shapes: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for name in names:
        shapes[tuple(matrices[name].shape[-2:])].append(name)
    return shapes.values()
