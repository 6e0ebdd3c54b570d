"""What modules declare of their parameters: the optimizer's group, storage precision, initial values, compile hints."""

import re

import pytest
import torch
from torch import Tensor

from builders import small_config, visual_config
from recipes import nano
from sancai.checkpoint.folder import fp32_names
from sancai.model import Module, Transformer, fp32_tensors, muon_parameters
from sancai.model.hyper_connection import HyperConnection

MUON = {
    "attn.compressor.wgate.weight", "attn.compressor.wkv.weight", "attn.indexer.compressor.wgate.weight",
    "attn.indexer.compressor.wkv.weight", "attn.indexer.weights_proj.weight", "attn.indexer.wq_b.weight",
    "attn.wkv.weight", "attn.wo_a.weight", "attn.wo_b.weight", "attn.wq_a.weight", "attn.wq_b.weight",
    "e_proj.weight", "ffn.experts.w1", "ffn.experts.w2", "ffn.experts.w3", "ffn.shared_experts.w1.weight",
    "ffn.shared_experts.w2.weight", "ffn.shared_experts.w3.weight", "h_proj.weight",
}  # fmt: skip
ADAMW = {
    "attn.attn_sink", "attn.compressor.ape", "attn.compressor.norm.weight", "attn.indexer.compressor.ape",
    "attn.indexer.compressor.norm.weight", "attn.kv_norm.weight", "attn.q_norm.weight", "attn_norm.weight",
    "conv_in.bias", "conv_in.weight", "conv_out.bias", "conv_out.weight", "embed.norm.weight", "embed.place.weight",
    "embed.proj.weight", "embed.stream_scale", "embed.weight", "enorm.weight", "ffn.gate.weight", "ffn_norm.weight",
    "hc_attn.base", "hc_attn.fn", "hc_attn.scale", "hc_ffn.base", "hc_ffn.fn", "hc_ffn.scale", "hc_head.base",
    "hc_head.fn", "hc_head.scale", "head.weight", "hnorm.weight", "noise.shared.weight", "noise.shift.weight",
    "noise.table", "noise.w1.weight", "noise.w2.weight", "norm.weight", "proj.weight",
}  # fmt: skip
FP32 = {
    "attn.attn_sink", "attn.compressor.ape", "attn.indexer.compressor.ape", "embed.stream_scale", "ffn.gate.bias",
    "hc_attn.base", "hc_attn.fn", "hc_attn.scale", "hc_ffn.base", "hc_ffn.fn", "hc_ffn.scale", "hc_head.base",
    "hc_head.fn", "hc_head.scale",
}  # fmt: skip


@pytest.fixture(scope="module")
def model() -> Transformer:
    return Transformer(nano.model(), seed=0)


def kinds(names: set[str]) -> set[str]:
    """Return names without the place of their layer."""
    return {re.sub(r"^(visual\.)?((layers|mtp)\.\d+\.|head\.(?!weight))?", "", n) for n in names}


def test_the_optimizers_groups_are_these(model: Transformer) -> None:
    named = {n for n, _ in model.named_parameters()}
    muon = muon_parameters(model)
    assert muon < named
    assert kinds(muon) == MUON
    assert kinds(named - muon) == ADAMW


def test_muon_gets_matrices_only(model: Transformer) -> None:
    parameters = dict(model.named_parameters())
    assert all(parameters[n].dim() >= 2 for n in muon_parameters(model))


def test_these_tensors_stay_fp32_in_files(model: Transformer) -> None:
    assert kinds(fp32_tensors(model)) == FP32


def test_files_know_them_by_their_official_names() -> None:
    names = fp32_names(small_config(visual=None))
    assert {"layers.1.attn.compressor.ape", "layers.0.hc_attn_fn", "hc_head_scale", "layers.1.ffn.gate.bias"} <= names
    assert not any("weight" in n for n in names)


def test_all_that_is_declared_exists(model: Transformer) -> None:
    for module in model.modules():
        if isinstance(module, Module):
            own = {n for n, _ in module.named_parameters(recurse=False)}
            assert set(module.muon) <= own
            assert all(callable(getattr(module, name)) for name in module.compiled)
    compiled = {type(m).__name__ for m in model.modules() if isinstance(m, Module) and m.compiled}
    assert compiled == {"Attention", "Expert", "Experts", "HyperConnection"}


# --- initial values ------------------------------------------------------------------------------------------------


def zero(tensor: Tensor) -> bool:
    return not bool(tensor.any())


def test_sublayers_add_nothing_at_first(model: Transformer) -> None:
    layers = [*model.layers, *model.visual.layers, *model.mtp]
    assert all(zero(layer.attn.wo_b.weight) and zero(layer.ffn.experts.w2) for layer in layers)
    assert all(zero(layer.ffn.shared_experts.w2.weight) for layer in layers)


def test_noise_level_and_convolutions_have_no_influence_at_first(model: Transformer) -> None:
    assert zero(model.visual.noise.shared.weight)
    assert all(zero(layer.noise.shift.weight) and zero(layer.noise.table) for layer in model.visual.layers)
    assert zero(model.visual.head.conv_out.weight) and not zero(model.visual.head.conv_in.weight)


def test_matrices_start_at_the_scale_of_their_input_and_embeddings_at_one(model: Transformer) -> None:
    weight = model.layers[0].attn.wq_a.weight.detach()
    assert float(weight.std()) == pytest.approx(weight.shape[1] ** -0.5, rel=0.05)
    assert float(model.embed.weight.detach().std()) == pytest.approx(1.0, rel=0.02)
    assert zero(model.layers[1].attn.compressor.ape)


def test_a_site_starts_as_a_plain_residual(model: Transformer) -> None:
    site, streams = HyperConnection(small_config()), torch.randn(1, 3, 4, 32)
    site.reset_parameters(0.0, 0)
    _, normed, _, post, comb = site.enter(streams, None, torch.ones(32), None)
    mean = streams.mean(2)
    assert torch.allclose(normed, mean * mean.square().mean(-1, keepdim=True).rsqrt(), atol=1e-3)
    assert torch.allclose(post, torch.ones(4, 1, 3))
    assert torch.allclose(comb[..., 0, 0], torch.eye(4), atol=2e-3)


def test_initial_values_depend_on_the_seed_alone() -> None:
    first, second, other = (Transformer(small_config(visual=visual_config()), seed=s) for s in (5, 5, 6))
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not torch.equal(first.embed.weight, other.embed.weight)
