"""The rules of Muon and AdamW, the schedule, routing biases and the moving average, each against its own definition."""

import dataclasses
import pathlib

import pytest
import torch
from torch import Tensor, nn

from builders import random_model, small_config
from recipes import nano
from sancai.model import Transformer
from sancai.ops.muon import orthogonalise
from sancai.train import LossConfig, OptimizerConfig, Run, Share, TrainConfig, start
from sancai.train.optimizer import EmaTarget, Optimizer

CONFIG = OptimizerConfig(lr=1e-2, adamw_lr=3e-3, weight_decay=0.1)


@pytest.fixture
def model() -> Transformer:
    return random_model(small_config())


def parameters(model: nn.Module) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def with_gradients(model: nn.Module, scale: float) -> None:
    """Give every parameter a random gradient."""
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator) * scale


# --- Muon ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 24, 40), (2, 40, 24), (1, 32, 32)])
def test_newton_schulz_brings_singular_values_near_one(shape: tuple[int, int, int]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    before = torch.linalg.svdvals(matrices / torch.linalg.matrix_norm(matrices)[:, None, None])
    after = torch.linalg.svdvals(orthogonalise(matrices, steps=5).float())
    assert before.max() / before.min() > 5, "the matrices are far from orthogonal at first"
    assert 0.5 < after.min() and after.max() < 1.4


def test_newton_schulz_keeps_the_singular_vectors() -> None:
    matrix = torch.randn(24, 40, generator=torch.Generator().manual_seed(0))
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    nearest = u @ v
    found = orthogonalise(matrix[None], steps=5)[0].float()
    assert torch.cosine_similarity(found.flatten(), nearest.flatten(), 0) > 0.97


def test_an_update_has_the_size_that_adamw_would_give(model: Transformer) -> None:
    """Rescaled to a root mean square of 0.18 per unit of learning rate (DeepSeek-V4 report, section 2.4)."""
    optimizer, before = Optimizer(model, dataclasses.replace(CONFIG, weight_decay=0.0)), parameters(model)
    with_gradients(model, 1.0)
    optimizer.step(1.0)
    for name, parameter in model.named_parameters():
        if name in optimizer.matrices:
            size = (parameter - before[name]).square().mean().sqrt() / CONFIG.lr
            assert 0.12 < size < 0.22, name


def test_weights_decay_by_their_rate_where_nothing_is_to_be_learnt(model: Transformer) -> None:
    optimizer, before = Optimizer(model, CONFIG), parameters(model)
    with_gradients(model, 0.0)
    optimizer.step(0.5)
    for name, parameter in model.named_parameters():
        rate = CONFIG.lr if name in optimizer.matrices else CONFIG.adamw_lr
        decays = parameter.dim() >= 2
        expected = before[name] * (1 - 0.5 * rate * CONFIG.weight_decay) if decays else before[name]
        assert torch.allclose(parameter, expected, rtol=1e-6, atol=1e-9), name
    assert any(p.dim() >= 2 for p in optimizer.others.values()) and optimizer.matrices


def test_momentum_remembers_past_gradients(model: Transformer) -> None:
    optimizer = Optimizer(model, CONFIG)
    with_gradients(model, 1.0)
    first = {name: p.grad.clone() for name, p in optimizer.matrices.items()}
    optimizer.step(0.0)
    with_gradients(model, 2.0)
    optimizer.step(0.0)
    for name, gradient in first.items():
        assert torch.allclose(optimizer.momentum[name], CONFIG.momentum * gradient + 2 * gradient, atol=1e-5), name


def test_averages_that_the_optimizer_updates_are_those_it_names(model: Transformer) -> None:
    optimizer = Optimizer(model, CONFIG)
    averages = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
    with_gradients(model, 1.0)
    updated = optimizer.step(1.0, EmaTarget(averages, 0.25))
    for name, parameter in model.named_parameters():
        expected = 0.25 * parameter if name in updated else torch.zeros_like(parameter)
        assert torch.allclose(averages[name], expected, atol=1e-6), name
    assert updated == set(optimizer.matrices)


# --- the schedule ----------------------------------------------------------------------------------


def test_rates_warm_up_stay_and_fall_to_zero() -> None:
    config = dataclasses.replace(nano.pretrain(), steps=100, warmup_steps=10, decay_share=0.4)
    factors = [config.lr_factor(step) for step in range(100)]
    assert factors[:10] == pytest.approx([(n + 1) / 10 for n in range(10)])
    assert factors[10:60] == [1.0] * 50
    assert factors[60:] == pytest.approx([(100 - step) / 40 for step in range(60, 100)])
    assert config.lr_factor(100) == 0.0


# --- what else a step moves ------------------------------------------------------------------------


def tiny_run(folder: pathlib.Path, **changes: object) -> Run:
    config: TrainConfig = dataclasses.replace(nano.pretrain(), mixture={"image": Share(1)}, sample_every=0, **changes)
    return start(config, folder)


@pytest.mark.usefixtures("few_texts")
def test_the_bias_of_a_crowded_expert_falls_and_those_of_idle_ones_rise(tmp_path: pathlib.Path) -> None:
    run = tiny_run(tmp_path, loss=LossConfig(bias_step=0.01))
    gate = next(moe for name, moe in run.trainer.moes.items() if name.startswith("visual")).gate
    with torch.no_grad():
        gate.bias.copy_(torch.tensor([50.0, 50.0, 0.0, 0.0]))  # top-2 of 4: two take all, two nothing
    before = gate.bias.clone()
    run.trainer.step(0)
    moved = gate.bias - before
    assert torch.allclose(moved, torch.tensor([-0.01, -0.01, 0.01, 0.01]), atol=1e-5)


@pytest.mark.usefixtures("few_texts")
def test_the_average_follows_the_weights_faster_at_first(tmp_path: pathlib.Path) -> None:
    run = tiny_run(tmp_path, ema=0.6)
    expected = {n: t.clone() for n, t in run.trainer.model.state_dict().items() if t.is_floating_point()}
    for step in range(12):
        run.trainer.step(step)
        keep = min(0.6, (1 + step) / (10 + step))
        for name, weight in run.trainer.model.state_dict().items():
            if name in expected:
                expected[name].lerp_(weight, 1 - keep)
    for name, average in expected.items():
        assert torch.allclose(run.trainer.ema[name], average, rtol=1e-4, atol=1e-6), name
