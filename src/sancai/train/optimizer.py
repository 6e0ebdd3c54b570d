"""Muon for matrices, AdamW for the rest (DeepSeek-V4 report section 2.4).

Muon: momentum with Nesterov, orthogonalised by Newton-Schulz, rescaled to an update RMS of 0.18 so that
AdamW's rates carry over, decoupled weight decay.  Every expert's matrix is orthogonalised by itself.
Matrices of one shape run as one batch.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sancai.device import collectives
from sancai.device.sharding import distribute_like, full_matrices, full_tensor, is_sharded, local_rows, to_local
from sancai.device.transfer import to_device
from sancai.model import muon_parameters
from sancai.ops.adamw import fused_adamw

RMS = 0.18
FAST = (3.4445, -4.7750, 2.0315)


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

    def step(self, scale: float) -> None:
        """Update all parameters with rates times `scale`, and drop their gradients."""
        for group in self.adamw.param_groups:
            group["lr"] = self.config.adamw_lr * scale
        self.adamw.step()
        self._step_matrices(self.config.lr * scale)
        self.adamw.zero_grad(set_to_none=True)
        for parameter in self.matrices.values():
            parameter.grad = None

    @torch.no_grad()
    def _step_matrices(self, lr: float) -> None:
        mu = self.config.momentum
        shapes: dict[tuple[int, ...], list[str]] = defaultdict(list)
        for name, parameter in self.matrices.items():
            if parameter.grad is not None:
                shapes[tuple(parameter.shape[-2:])].append(name)
        for names in shapes.values():
            self._step_shape(names, lr, mu)

    def _step_shape(self, names: list[str], lr: float, mu: float) -> None:
        """Update all matrices of one shape together.

        A rank that keeps part of the weights orthogonalises its own experts, and of a matrix cut in rows the whole.
        """
        kept: list[Tensor] = [self.matrices[n] for n in names]
        parameters = [to_local(p) for p in kept]
        grads = [to_local(p.grad) for p in kept if p.grad is not None]
        buffers = [to_local(self.momentum[n]) for n in names]
        torch._foreach_mul_(buffers, mu)
        torch._foreach_add_(buffers, grads)
        looked = torch._foreach_add(grads, buffers, alpha=mu)
        rows, columns = kept[0].shape[-2:]
        seen = full_matrices([g.to(torch.bfloat16) for g in looked], kept)
        stacked = torch.cat(seen)
        update = orthogonalise(stacked, self.config.newton_schulz_steps)
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


def orthogonalise(matrices: Tensor, steps: int) -> Tensor:
    """Return nearly orthogonal matrices (B, R, C) by Newton-Schulz, in bf16: matrix products only."""
    a, b, c = FAST
    x = matrices.to(torch.bfloat16)
    flip = x.shape[-2] > x.shape[-1]
    if flip:
        x = x.transpose(-1, -2)
    norm = torch.linalg.vector_norm(x, dim=(-2, -1), keepdim=True, dtype=torch.float32)
    x = x * (1 / (norm + 1e-12)).to(x.dtype)
    for _ in range(steps):
        square = torch.bmm(x, x.transpose(-1, -2))
        mixed = torch.baddbmm(square, square, square, beta=b, alpha=c)
        x = torch.baddbmm(x, mixed, x, beta=a, alpha=1.0)
    return x.transpose(-1, -2) if flip else x
