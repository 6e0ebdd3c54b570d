"""DeepSeekMoE: a router, routed experts as grouped matrix products, one shared expert.

DeepSeek-V4 report section 2.1: affinities sqrt(softplus(W h)); the choice uses affinity + bias, the
weights use the affinity alone, normalised and scaled; the first layers choose by token id (hash).
"""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sancai.model.config import ModelConfig
from sancai.model.linear import Linear
from sancai.model.module import Module
from sancai.ops.experts import ExpertWeights, experts, take_experts
from sancai.ops.precision import upcast
from sancai.ops.quantisation import PackedStack
from sancai.ops.route import route
from sancai.ops.swiglu import swiglu


@dataclass
class AuxiliaryLosses:
    """What a training pass collects on its way: side losses, and how many tokens each expert got."""

    balance: list[Tensor] = field(default_factory=list)
    """Sequence-wise balance losses, one a layer and modality."""
    loads: dict[str, Tensor] = field(default_factory=dict)
    """Tokens of each expert, (E,), by the name of its MoE; routing biases move against them."""
    indexer: list[Tensor] = field(default_factory=list)
    """KL of attention to indexer, one a CSA layer."""
    wants_indexer: bool = False


class Gate(Module):
    """The router.  `tid2eid` (V, k) chooses by token id; otherwise a bias balances the load."""

    fp32 = ("bias",)
    bias: Tensor
    tid2eid: Tensor

    def __init__(self, dim: int, num_experts: int, top_k: int, scale: float, vocab_size: int | None) -> None:
        super().__init__()
        self.top_k, self.scale = top_k, scale
        self.weight = nn.Parameter(torch.empty(num_experts, dim, dtype=torch.float32))
        if vocab_size is None:
            self.register_buffer("bias", torch.zeros(num_experts, dtype=torch.float32))
        else:
            table = torch.zeros(vocab_size, top_k, dtype=torch.int64, device="cpu")
            self.register_buffer("tid2eid", table)

    def reset_parameters(self, std: float, seed: int) -> None:
        """Draw the weight; fill the hash table with balanced random choices."""
        nn.init.normal_(self.weight, std=std)
        if hasattr(self, "tid2eid"):
            generator = torch.Generator("cpu").manual_seed(seed)
            shape = self.tid2eid.shape[0], self.weight.shape[0]
            draws = torch.rand(shape, generator=generator, device="cpu", dtype=torch.float32)
            self.tid2eid.copy_(draws.topk(self.top_k, -1).indices)

    def forward(self, hidden: Tensor, ids: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return chosen experts (T, k), their weights (T, k) and all affinities (T, E), fp32."""
        # visual tokens have no id: a shared hash layer routes them by affinity
        given = self.tid2eid[ids] if hasattr(self, "tid2eid") and ids is not None else None
        return route(hidden, self.weight, getattr(self, "bias", None), given, self.top_k, self.scale)


class Expert(Module):
    """One clamped SwiGLU network: the shared expert."""

    compiled = ("forward",)

    def __init__(self, dim: int, inter: int, limit: float) -> None:
        super().__init__()
        self.limit = limit
        self.w1, self.w3, self.w2 = Linear(dim, inter), Linear(dim, inter), Linear(inter, dim)

    def reset_parameters(self, std: float, seed: int) -> None:
        """Start by adding nothing to the streams."""
        nn.init.zeros_(self.w2.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return w2 · (silu(w1 · x) ⊙ w3 · x), both factors clamped, (..., D) of x (..., D)."""
        return self.w2(swiglu(self.w1(x), self.w3(x), self.limit))


class Experts(Module):
    """All routed experts of a layer, stacked: w1, w3 (E, F, D) and w2 (E, D, F); packed ones have scales."""

    muon = ("w1", "w2", "w3")
    compiled = ("activate",)
    w1_scale: Tensor | None
    w2_scale: Tensor | None
    w3_scale: Tensor | None

    def __init__(self, count: int, dim: int, inter: int, limit: float) -> None:
        super().__init__()
        self.limit = limit
        self.w1 = nn.Parameter(torch.empty(count, inter, dim, dtype=torch.float32))
        self.w3 = nn.Parameter(torch.empty(count, inter, dim, dtype=torch.float32))
        self.w2 = nn.Parameter(torch.empty(count, dim, inter, dtype=torch.float32))
        for name in ("w1_scale", "w2_scale", "w3_scale"):
            self.register_buffer(name, None)

    def reset_parameters(self, std: float, seed: int) -> None:
        """Start by adding nothing to the streams."""
        nn.init.zeros_(self.w2)

    def forward(self, x: Tensor, chosen: Tensor, weights: Tensor, shared: Expert) -> Tensor:
        """Return Σ_k weights_k · expert_k(x) + shared(x), (T, D), for x (T, D), chosen and weights (T, k)."""
        if self._is_dense(x.dtype) and shared.w1.scale is None:
            own = ExpertWeights(self.w1, self.w3, self.w2)
            shared_weights = ExpertWeights(shared.w1.weight, shared.w3.weight, shared.w2.weight)
            return experts(x, chosen, weights, own, shared_weights, self.limit)
        return take_experts(x, chosen, weights, self._stacks(x.dtype), self.activate) + shared(x)

    def _is_dense(self, dtype: torch.dtype) -> bool:
        """Return whether all experts are ready at once: not packed, and learning or in the format of the input."""
        return self.w1_scale is None and (self.w1.requires_grad or self.w1.dtype == dtype)

    def _stacks(self, dtype: torch.dtype) -> list[Tensor | PackedStack]:
        """Return w1, w3 and w2 ready for products in `dtype`: cast at once to learn, else expert by expert."""
        pairs = ((self.w1, self.w1_scale), (self.w3, self.w3_scale), (self.w2, self.w2_scale))
        dense = self._is_dense(dtype)
        return [w.to(dtype) if scale is None and dense else PackedStack(w, scale, dtype) for w, scale in pairs]

    def activate(self, gate: Tensor, up: Tensor) -> Tensor:
        """Return the clamped SwiGLU of two projections."""
        return swiglu(gate, up, self.limit)


class MoE(Module):
    """Routed experts and the shared expert.  `name` labels its load statistics."""

    def __init__(self, config: ModelConfig, name: str, is_visual: bool, is_hash: bool) -> None:
        super().__init__()
        side = config.visual if is_visual and config.visual else config
        dim, inter, limit = config.hidden_size, config.moe_intermediate_size, config.swiglu_limit
        self.name = name
        self.gate = Gate(
            dim, side.n_routed_experts, side.num_experts_per_tok, config.routed_scaling_factor,
            config.vocab_size if is_hash else None,
        )  # fmt: skip
        self.experts = Experts(side.n_routed_experts, dim, inter, limit)
        self.shared_experts = Expert(dim, inter * config.n_shared_experts, limit)

    def forward(
        self, x: Tensor, router_input: Tensor, ids: Tensor | None, real: Tensor, aux: AuxiliaryLosses | None
    ) -> Tensor:
        """Return (B, T, D).

        Args:
            x: (B, T, D) what the experts read.
            router_input: (B, T, D) what the router reads (without the noise level).
            ids: (B, T) token ids for hash layers.
            real: (B, T) boolean, False = padding, left out of the statistics.
            aux: collector, None outside training.
        """
        flat_ids = None if ids is None else ids.flatten()
        chosen, weights, affinity = self.gate(router_input.flatten(0, 1), flat_ids)
        if aux is not None:
            self._collect(aux, chosen, affinity, real)
        return self.experts(x.flatten(0, 1), chosen, weights, self.shared_experts).view_as(x)

    def _collect(self, aux: AuxiliaryLosses, chosen: Tensor, affinity: Tensor, real: Tensor) -> None:
        """Record the load and the sequence-wise balance loss (arXiv 2412.19437, section 2.1.2)."""
        batch, count = real.shape[0], affinity.shape[-1]
        keep = upcast(real.unsqueeze(-1))
        picked = F.one_hot(chosen, count).sum(1, dtype=keep.dtype).view(batch, -1, count) * keep
        tokens = keep.sum(1).clamp(min=1)
        fraction = picked.sum(1) * (count / self.gate.top_k) / tokens
        share = (affinity / affinity.sum(-1, keepdim=True)).view(batch, -1, count)
        mean_share = (share * keep).sum(1) / tokens
        aux.balance.append((fraction.detach() * mean_share).sum(-1).mean())
        load = picked.sum((0, 1))
        aux.loads[self.name] = aux.loads.get(self.name, 0) + load.detach()
