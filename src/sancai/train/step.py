"""One optimisation step: batches → losses → gradients → update → routing biases → average."""

from collections import defaultdict

import torch
from torch import Tensor

from sancai.data.samples import Sampler
from sancai.model import Auxiliary, Transformer
from sancai.model.attention import Attention
from sancai.model.hyper_connection import HyperConnection
from sancai.model.moe import Expert, Experts, MoE
from sancai.train.batch import batches
from sancai.train.config import TrainConfig
from sancai.train.loss import Totals, loss_terms
from sancai.train.optimizer import Optimizer

READING = ("look", "arithmetic", "talk")
HOT = {
    HyperConnection: ("collapse", "expand"),
    Attention: ("project", "read", "close"),
    Expert: ("forward",),
    Experts: ("activate",),
}
"""Methods of many small operations, which a compiler joins."""


def compile_hot_paths(model: Transformer) -> None:
    """Compile the methods that consist of many small operations; shapes stay free."""
    for module in model.modules():
        for kind, names in HOT.items():
            if isinstance(module, kind):
                for name in names:
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

    def step(self, number: int) -> dict[str, float]:
        """Run step `number`; return its losses and statistics."""
        todo = list(batches(self.sampler, self.config, number))
        totals = Totals(sum(b.noisy_weight for b in todo), sum(b.text_tokens for b in todo), len(todo))
        report: dict[str, float] = defaultdict(float)
        loads: dict[str, Tensor] = {}
        for batch in todo:
            reads = batch.task in READING
            aux = Auxiliary(wants_indexer=batch.task == "look")
            output = self.model(batch.packed, aux=aux, wants_mtp=reads)
            terms = loss_terms(self.model, batch, output, aux, self.config.loss, totals)
            loss = torch.stack(list(terms.values())).sum()
            if loss.requires_grad:  # with a frozen text half, text alone teaches nothing
                loss.backward()
            for name, term in terms.items():
                report[f"loss/{name}"] += float(term.detach())
                if name in ("flow", "text"):
                    count = batch.noisy_weight if name == "flow" else batch.text_tokens
                    report[f"{name}/{batch.task}"] = float(term.detach()) * self._share(name, totals) / max(count, 1.0)
            for name, load in aux.loads.items():
                loads[name] = loads.get(name, 0) + load
        report["gradient_norm"] = self.optimizer.step(self.config.rate(number))
        report["rate"] = self.config.rate(number)
        report["effective_experts"] = self._balance(loads)
        self._follow(number)
        report["noisy_tokens"], report["text_tokens"] = sum(b.noisy_tokens for b in todo), totals.text
        return dict(report)

    def _share(self, name: str, totals: Totals) -> float:
        """Return what a loss term was divided by."""
        loss = self.config.loss
        return totals.noisy if name == "flow" else max(totals.text, loss.least_text) / max(loss.text, 1e-12)

    @torch.no_grad()
    def _balance(self, loads: dict[str, Tensor]) -> float:
        """Move routing biases against the load; return the smallest effective number of experts."""
        smallest = float("inf")
        for name, load in loads.items():
            share = load / load.sum().clamp(min=1)
            entropy = -(share * share.clamp(min=1e-9).log()).sum()
            smallest = min(smallest, float(entropy.exp()))
            gate = self.moes[name].gate
            if hasattr(gate, "bias") and gate.weight.requires_grad:
                gate.bias += self.config.loss.bias_step * (share.mean() - share).sign()
        return smallest

    @torch.no_grad()
    def _follow(self, number: int) -> None:
        """Move the average towards the weights, faster in the beginning."""
        keep = min(self.config.ema, (1 + number) / (10 + number))
        state = self.model.state_dict()
        parameters = {n for n, _ in self.model.named_parameters()}
        for of_parameters in (True, False):  # sharded parameters and whole buffers do not mix in one call
            names = [n for n, t in state.items() if t.is_floating_point() and (n in parameters) is of_parameters]
            if names:
                torch._foreach_lerp_([self.average[n] for n in names], [state[n] for n in names], 1 - keep)
