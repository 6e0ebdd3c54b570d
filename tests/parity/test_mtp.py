"""The MTP block equals a second reference: plain loops in fp64 written from the equations alone."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from builders import largest, pack_ids, random_model, small_config
from sancai.model import ModelConfig, Transformer
from sancai.sequence import Text, pack

Weights = dict[str, Tensor]
LENGTH = 21


class Reference:
    """The block of v4-spec 2.8, one token and one head at a time."""

    def __init__(self, weights: Weights, config: ModelConfig) -> None:
        self.w = {n.removeprefix("mtp.0."): t.double() for n, t in weights.items() if n.startswith("mtp.0.")}
        self.embed, self.head = weights["embed.weight"].double(), weights["head.weight"].double()
        self.c = config

    def __call__(self, streams: Tensor, ids: list[int]) -> Tensor:
        """Return the normalised states of positions 0 … T − 2 for final streams (T, N, D)."""
        count = len(ids) - 1
        states = [self.entry(streams[t].double(), ids[t + 1]) for t in range(count)]
        sites = [self.site("hc_attn", x) for x in states]
        inputs = [self.norm(z, self.w["attn_norm.weight"]) for z, _, _ in sites]
        outputs = [self.attention(inputs, t) for t in range(count)]
        states = [self.spread(x, y, p, m) for x, y, (_, p, m) in zip(states, outputs, sites, strict=True)]
        sites = [self.site("hc_ffn", x) for x in states]
        outputs = [self.experts(self.norm(z, self.w["ffn_norm.weight"])) for z, _, _ in sites]
        states = [self.spread(x, y, p, m) for x, y, (_, p, m) in zip(states, outputs, sites, strict=True)]
        return torch.stack([self.norm(self.collapse(x), self.w["norm.weight"]) for x in states])

    def norm(self, x: Tensor, weight: Tensor | float) -> Tensor:
        return weight * x / math.sqrt(float((x * x).mean()) + self.c.rms_norm_eps)

    def entry(self, stream: Tensor, following: int) -> Tensor:
        embedded = self.w["e_proj.weight"] @ self.norm(self.embed[following], self.w["enorm.weight"])
        rows = [self.w["h_proj.weight"] @ self.norm(x, self.w["hnorm.weight"]) for x in stream]
        return torch.stack([embedded + row for row in rows])

    def site(self, name: str, x: Tensor) -> tuple[Tensor, list[float], np.ndarray]:
        n, eps = len(x), self.c.hc_eps
        u = self.projected(f"{name}.fn", x)
        base, (s0, s1, s2) = self.w[f"{name}.base"], self.w[f"{name}.scale"].tolist()
        z = sum((sigmoid(float(u[j] * s0 + base[j])) + eps) * x[j] for j in range(n))
        post = [2 * sigmoid(float(u[n + k] * s1 + base[n + k])) for k in range(n)]
        logits = (u[2 * n :] * s2 + base[2 * n :]).numpy().reshape(n, n)
        m = np.exp(logits - logits.max(1, keepdims=True))
        m = m / m.sum(1, keepdims=True) + eps
        m = m / (m.sum(0, keepdims=True) + eps)
        for _ in range(self.c.hc_sinkhorn_iters - 1):
            m = m / (m.sum(1, keepdims=True) + eps)
            m = m / (m.sum(0, keepdims=True) + eps)
        return z, post, m

    def projected(self, name: str, x: Tensor) -> Tensor:
        v = x.flatten()
        return self.w[name] @ v / math.sqrt(float((v * v).mean()) + self.c.rms_norm_eps)

    def spread(self, x: Tensor, y: Tensor, post: list[float], m: np.ndarray) -> Tensor:
        n = len(x)
        return torch.stack([post[k] * y + sum(float(m[j, k]) * x[j] for j in range(n)) for k in range(n)])

    def collapse(self, x: Tensor) -> Tensor:
        u = self.projected("hc_head.fn", x) * self.w["hc_head.scale"] + self.w["hc_head.base"]
        return sum((sigmoid(float(u[j])) + self.c.hc_eps) * x[j] for j in range(len(x)))

    def rotated(self, x: Tensor, position: int) -> Tensor:
        x, width = x.clone(), self.c.qk_rope_head_dim
        start = len(x) - width
        for i in range(width // 2):
            angle = position * 10000.0 ** (-2 * i / width)
            a, b = float(x[start + 2 * i]), float(x[start + 2 * i + 1])
            x[start + 2 * i] = a * math.cos(angle) - b * math.sin(angle)
            x[start + 2 * i + 1] = b * math.cos(angle) + a * math.sin(angle)
        return x

    def attention(self, inputs: list[Tensor], t: int) -> Tensor:
        c, w = self.c, self.w
        latent = self.norm(w["attn.wq_a.weight"] @ inputs[t], w["attn.q_norm.weight"])
        query = (w["attn.wq_b.weight"] @ latent).view(c.num_attention_heads, c.head_dim)
        reach = range(max(0, t - c.sliding_window + 1), t + 1)
        keys = [self.rotated(self.norm(w["attn.wkv.weight"] @ inputs[j], w["attn.kv_norm.weight"]), j) for j in reach]
        outputs = []
        for head in range(c.num_attention_heads):
            q = self.rotated(self.norm(query[head], 1.0), t)
            powers = [math.exp(float(q @ k) / math.sqrt(c.head_dim)) for k in keys]
            below = sum(powers) + math.exp(float(w["attn.attn_sink"][head]))
            outputs.append(self.rotated(sum(p / below * k for p, k in zip(powers, keys, strict=True)), -t))
        groups = torch.cat(outputs).view(c.o_groups, -1)
        rank = c.o_lora_rank
        low = [w["attn.wo_a.weight"][g * rank : (g + 1) * rank] @ groups[g] for g in range(c.o_groups)]
        return w["attn.wo_b.weight"] @ torch.cat(low)

    def experts(self, h: Tensor) -> Tensor:
        c, w = self.c, self.w
        affinity = [math.sqrt(math.log1p(math.exp(float(row @ h)))) for row in w["ffn.gate.weight"]]
        biased = [s + float(b) for s, b in zip(affinity, w["ffn.gate.bias"], strict=True)]
        chosen = sorted(range(len(biased)), key=lambda e: -biased[e])[: c.num_experts_per_tok]
        total = sum(affinity[e] for e in chosen)
        out = self.swiglu(h, *(w[f"ffn.shared_experts.{n}.weight"] for n in ("w1", "w2", "w3")))
        for e in chosen:
            part = self.swiglu(h, *(w[f"ffn.experts.{n}"][e] for n in ("w1", "w2", "w3")))
            out = out + affinity[e] / total * c.routed_scaling_factor * part
        return out

    def swiglu(self, h: Tensor, w1: Tensor, w2: Tensor, w3: Tensor) -> Tensor:
        limit = self.c.swiglu_limit
        gate = [min(float(g), limit) for g in w1 @ h]
        up = [min(max(float(u), -limit), limit) for u in w3 @ h]
        return w2 @ torch.tensor([g * sigmoid(g) * u for g, u in zip(gate, up, strict=True)], dtype=torch.float64)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def run(model: Transformer, rows: list[list[list[int]]]) -> tuple[Tensor, Tensor]:
    """Return the final streams and the MTP states of rows of text documents."""
    caught: list[Tensor] = []
    hook = model.mtp[0].hnorm.register_forward_pre_hook(lambda _, args: caught.append(args[0]))
    packed = pack([[[Text(ids=ids)] for ids in row] for row in rows])
    with torch.no_grad():
        out = model(packed, wants_mtp=True)
    hook.remove()
    return caught[0], out.mtp_hidden


@pytest.fixture(scope="module", params=[2, 4])
def case(request: pytest.FixtureRequest) -> tuple[Transformer, list[int]]:
    config = small_config(visual=None, hc_mult=request.param, swiglu_limit=0.5)
    ids = torch.randint(0, config.vocab_size, (LENGTH,), generator=torch.Generator().manual_seed(2)).tolist()
    return random_model(config, seed=11), ids


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.float32, 1e-5)])
def test_mtp_states_and_logits_equal_the_reference(
    case: tuple[Transformer, list[int]], dtype: torch.dtype, tolerance: float
) -> None:
    source, ids = case
    model = Transformer(source.config).to(dtype).eval()
    model.load_state_dict(source.state_dict())
    model.compute_dtype = dtype
    streams, states = run(model, [[ids]])
    reference = Reference(model.state_dict(), model.config)
    expected = reference(streams[0], ids)
    assert largest(states[0, :-1].double() - expected) <= tolerance
    logits = model.logits(states[0, :-1]).double()
    assert largest(logits - expected @ reference.head.T) <= tolerance * 4


def test_the_reference_would_notice_every_weight(case: tuple[Transformer, list[int]]) -> None:
    model, ids = case
    streams, states = run(model, [[ids]])
    weights = model.state_dict()
    names = [n for n in weights if n.startswith("mtp.0.")]
    generator = torch.Generator().manual_seed(0)
    for name in names:
        other = weights[name] + 0.3 * torch.randn(weights[name].shape, generator=generator)
        expected = Reference(weights | {name: other}, model.config)(streams[0, :9], ids[:9])
        assert largest(states[0, :8].double() - expected) > 1e-4, name


def test_packed_documents_and_rows_do_not_meet_in_mtp(case: tuple[Transformer, list[int]]) -> None:
    model, ids = case
    first, second = ids[:9], ids[9:]
    _, packed = run(model, [[first, second], [second]])
    for alone, got in (
        (run(model, [[first]])[1][0], packed[0, :9]),
        (run(model, [[second]])[1][0], packed[0, 9:]),
        (run(model, [[second]])[1][0], packed[1, : len(second)]),
    ):
        assert largest(alone[:-1] - got[:-1]) <= 1e-5


def test_mtp_reads_the_next_token_and_no_later_one(case: tuple[Transformer, list[int]]) -> None:
    model, ids = case
    changed = [*ids[:12], (ids[12] + 1) % 64, *ids[13:]]
    _, before = run(model, [[ids]])
    _, after = run(model, [[changed]])
    assert largest(before[0, :11] - after[0, :11]) <= 1e-6
    assert largest(before[0, 11] - after[0, 11]) > 1e-3


def test_mtp_runs_only_when_asked_and_only_if_the_model_has_it(case: tuple[Transformer, list[int]]) -> None:
    model, ids = case
    assert model(pack_ids(torch.tensor([ids]))).mtp_hidden is None
    ratios = model.config.compress_ratios[:-1]
    without = Transformer(replace(model.config, num_nextn_predict_layers=0, compress_ratios=ratios))
    assert without(pack_ids(torch.tensor([ids])), wants_mtp=True).mtp_hidden is None
