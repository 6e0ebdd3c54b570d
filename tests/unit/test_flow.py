"""The path between data and noise, the loss on it, and the way back."""

import pytest
import torch
from torch import Tensor

from builders import largest
from sancai.errors import ConfigError
from sancai.flow import (
    SAMPLERS,
    corrupt,
    flow_loss,
    get_sampler,
    guide,
    sample,
    sample_sigma,
    shift,
    timesteps,
    velocity,
)
from sancai.flow.path import SMALLEST_SIGMA


def wide(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def test_the_path_runs_from_data_to_noise() -> None:
    clean, noise = wide(3, 4), wide(3, 4)
    assert torch.equal(corrupt(clean, noise, torch.zeros(3, 1)), clean)
    assert torch.equal(corrupt(clean, noise, torch.ones(3, 1)), noise)
    assert torch.equal(corrupt(clean, noise, torch.full((3, 1), 0.25).double()), 0.75 * clean + 0.25 * noise)


def test_the_velocity_of_the_true_data_is_noise_minus_data() -> None:
    clean, noise, sigma = wide(5, 4), wide(5, 4), torch.tensor([0.05, 0.1, 0.5, 0.9, 1.0]).double()[:, None]
    z = corrupt(clean, noise, sigma)
    assert largest(velocity(z, clean, sigma) - (noise - clean)) <= 1e-6


def test_the_velocity_stays_bounded_at_the_data_end() -> None:
    out = velocity(torch.ones(1, 1), torch.zeros(1, 1), torch.zeros(1, 1))
    assert out.item() == pytest.approx(1 / SMALLEST_SIGMA)


def test_the_loss_compares_velocities_or_latents() -> None:
    clean, noise, prediction = wide(4, 6), wide(4, 6), wide(4, 6)
    sigma = torch.tensor([0.01, 0.2, 0.7, 1.0]).double()[:, None]
    z = corrupt(clean, noise, sigma)
    by_velocity = (velocity(z, prediction, sigma) - velocity(z, clean, sigma)).square().mean(-1)
    assert largest(flow_loss(prediction, z, clean, sigma) - by_velocity) <= 1e-9
    by_latent = (prediction - clean).square().mean(-1)
    assert largest(flow_loss(prediction, z, clean, sigma, "x") - by_latent) <= 1e-12
    assert flow_loss(clean, z, clean, sigma).tolist() == [0.0] * 4


def test_shift_keeps_the_ends_and_moves_towards_noise() -> None:
    sigma = torch.linspace(0, 1, 9)
    moved = shift(sigma, 3.0)
    assert moved[0] == 0 and moved[-1] == 1 and bool((moved[1:-1] > sigma[1:-1]).all())
    assert torch.equal(shift(sigma, 1.0), sigma)


@pytest.mark.parametrize("steps", [1, 2, 7, 30])
@pytest.mark.parametrize("amount", [1.0, 3.0])
def test_timesteps_fall_from_one_to_zero(steps: int, amount: float) -> None:
    levels = timesteps(steps, amount)
    assert len(levels) == steps + 1 and levels[0] == 1.0 and levels[-1] == 0.0
    assert levels == sorted(set(levels), reverse=True)


def test_a_larger_shift_spends_more_steps_near_noise() -> None:
    assert timesteps(10, 4.0)[5] > timesteps(10, 1.0)[5] == pytest.approx(0.5)


CALLS = {"euler": 1, "heun": 2, "multistep": 1}
"""Samplers without noise of their own, and how often they call the network in a step."""


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("steps", [1, 2, 5, 20])
def test_a_constant_prediction_is_recovered_and_the_path_is_straight(name: str, steps: int) -> None:
    clean, noise, seen = wide(2, 3), wide(2, 3), []

    def predict(z: Tensor, sigma: float) -> Tensor:
        seen.append(sigma)
        assert largest(z - corrupt(clean, noise, torch.tensor(sigma, dtype=torch.float64))) <= 1e-6
        return clean

    levels = timesteps(steps, 2.0)
    assert torch.equal(sample(predict, noise, levels, SAMPLERS[name]), clean)
    assert len(seen) == CALLS[name] * (steps - 1) + 1, "the last step takes one call"


def test_a_path_may_stop_early() -> None:
    clean, noise = wide(2, 3), wide(2, 3)
    half = sample(lambda z, sigma: clean, noise, [1.0, 0.8, 0.5])
    assert largest(half - (0.5 * clean + 0.5 * noise)) <= 1e-9


SPREAD = 2.0
"""Standard deviation of Gaussian data, for which the best prediction and the path are known exactly."""


def best_prediction(z: Tensor, sigma: float) -> Tensor:
    signal = (1 - sigma) * SPREAD**2
    return signal / ((1 - sigma) * signal + sigma**2) * z


def error(name: str, steps: int) -> float:
    """Return how far a sampler is from the exact end of the path, which is SPREAD · noise."""
    noise = torch.ones(1, dtype=torch.float64)
    return abs(float(sample(best_prediction, noise, timesteps(steps, 1.0), SAMPLERS[name])) - SPREAD)


def order_of(name: str) -> list[float]:
    """Return by what factor the error falls when steps double."""
    return [error(name, steps) / error(name, 2 * steps) for steps in (8, 16, 32)]


@pytest.mark.parametrize("name", ["heun", "multistep"])
def test_second_order_samplers_lose_two_thirds_of_their_error_when_steps_double(name: str) -> None:
    assert min(order_of(name)) >= 3.0


def test_euler_is_of_first_order() -> None:
    assert all(1.8 <= factor <= 2.2 for factor in order_of("euler"))


def test_the_stochastic_sampler_keeps_the_spread_of_the_data_and_uses_its_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    draw = lambda: torch.randn(20000, generator=generator, dtype=torch.float64)  # noqa: E731
    noise, ends = draw(), []
    for _ in range(2):
        ends.append(sample(best_prediction, noise, timesteps(64, 1.0), SAMPLERS["sde"], draw))
        assert float(ends[-1].std()) == pytest.approx(SPREAD, rel=0.05)
    assert float(torch.corrcoef(torch.stack(ends))[0, 1]) < 0.9, "the same start ends in different places"


def test_an_unknown_sampler_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"dpm3.*euler, heun, multistep, sde"):
        get_sampler("dpm3")


@pytest.mark.parametrize("amount", [1.0, 3.0])
def test_sampled_levels_lie_inside_and_spread_over_quantiles(amount: float) -> None:
    sigma = sample_sigma(400, amount, torch.Generator().manual_seed(1))
    assert sigma.shape == (400,) and bool((sigma > 0).all()) and bool((sigma <= 1).all())
    assert int((sigma == 1).sum()) == 40
    middle = float(shift(torch.tensor(0.5), amount))
    assert int((sigma < middle).sum()) in range(177, 184)


def test_sampled_levels_follow_their_generator() -> None:
    draws = [sample_sigma(8, 1.0, torch.Generator().manual_seed(s)) for s in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])


def test_one_level_at_a_time_covers_the_range_too() -> None:
    generator = torch.Generator().manual_seed(0)
    sigma = torch.cat([sample_sigma(1, 1.0, generator) for _ in range(300)])
    assert float(sigma.min()) < 0.1 and float(sigma.max()) > 0.9


def test_guidance_goes_past_the_conditional_prediction() -> None:
    a, b = wide(3), wide(3)
    assert torch.equal(guide(a, b, 0.0), b)
    assert largest(guide(a, b, 1.0) - a) <= 1e-12
    assert largest(guide(a, b, 3.0) - (b + 3 * (a - b))) <= 1e-12
