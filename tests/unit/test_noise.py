"""The noise level: which frames it reaches, what it changes, and that routers do not see it."""

import torch
from torch import Tensor

from builders import largest, random_model, small_config
from sancai.model import Transformer
from sancai.model.hyper_connection import HyperConnection
from sancai.model.linear import RMSNorm
from sancai.model.noise import LayerNoise, NoiseEmbedding, NoiseLevel
from sancai.model.site import Residual, Site
from sancai.ops.site import by_token, modulate

CONFIG = small_config()
TOKENS = 4


def randomised(module: torch.nn.Module) -> torch.nn.Module:
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return module


def level_of(sigma: list[float]) -> NoiseLevel:
    """Return the level of one row of frames."""
    torch.manual_seed(3)
    embedding = randomised(NoiseEmbedding(CONFIG))
    return embedding(torch.tensor([sigma]).repeat_interleave(TOKENS, 1), ((len(sigma), TOKENS),), torch.float32)


def test_a_level_is_embedded_frame_by_frame() -> None:
    both, first = level_of([0.3, 0.9]), level_of([0.3])
    assert both.embedding.shape == (1, 2, CONFIG.hidden_size) and both.shared.shape == (1, 2, 4 * CONFIG.hidden_size)
    assert largest(both.embedding[:, :1] - first.embedding) <= 1e-6
    assert largest(both.embedding[:, 0] - both.embedding[:, 1]) > 1e-2


def test_modulation_scales_and_shifts_each_frame_by_its_own_level() -> None:
    frames, of_token = ((1, 5), (2, 3)), [0] * 5 + [1] * 3 + [2] * 3
    hidden, scale, shift = torch.randn(2, 11, 8), torch.randn(2, 3, 8), torch.randn(2, 3, 8)
    made = modulate(hidden, torch.cat([scale, shift], -1), frames)
    for token, frame in enumerate(of_token):
        assert largest(made[:, token] - (hidden[:, token] * (1 + scale[:, frame]) + shift[:, frame])) <= 1e-6
    assert torch.equal(by_token(scale, frames), scale[:, of_token])


def test_both_sites_of_a_layer_have_values_of_their_own() -> None:
    noise, level = randomised(LayerNoise(CONFIG)), level_of([0.2, 0.7])
    first, second = noise.attention_site(level), noise.expert_site(level)
    total = level.shared + noise.table
    width = CONFIG.hidden_size
    for site, made in enumerate((first, second)):
        assert torch.equal(made.modulation, total[..., 2 * site * width : 2 * (site + 1) * width])
        rows = noise.shift.weight[site * noise.logits : (site + 1) * noise.logits]
        assert largest(made.logit_shift - level.embedding @ rows.T) <= 1e-5


def test_the_router_reads_the_input_before_modulation() -> None:
    connection, norm = randomised(HyperConnection(CONFIG)), RMSNorm(CONFIG.hidden_size, 1e-6)
    streams = Residual(torch.randn(1, 2 * TOKENS, CONFIG.hc_mult, CONFIG.hidden_size))
    noise = randomised(LayerNoise(CONFIG))
    torch.nn.init.zeros_(noise.shift.weight)  # the hyper-connection itself follows the level, which is not meant here
    low, high = (Site(connection, norm, noise.expert_site(level_of([s, s]))).enter(streams) for s in (0.1, 0.9))
    assert torch.equal(low.normed, high.normed)
    assert largest(low.hidden - high.hidden) > 1e-2


def test_at_first_the_level_changes_nothing_and_later_it_does() -> None:
    streams = Residual(torch.randn(1, TOKENS, CONFIG.hc_mult, CONFIG.hidden_size))

    def hidden(model: Transformer, sigma: float) -> Tensor:
        layer = model.visual.layers[1]
        level = model.visual.noise(torch.full((1, TOKENS), sigma), ((1, TOKENS),), torch.float32)
        return layer.sublayers(model.layers[1], level).attention_site.enter(streams).hidden

    fresh, trained = Transformer(CONFIG, seed=0), random_model(CONFIG)
    assert torch.equal(hidden(fresh, 0.1), hidden(fresh, 0.9))
    assert largest(hidden(trained, 0.1) - hidden(trained, 0.9)) > 1e-3
