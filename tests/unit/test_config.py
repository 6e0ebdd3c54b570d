"""Every configuration that cannot work is refused, with a message that names the setting."""

import json
from typing import Any

import pytest

from builders import small_config, visual_config
from sancai.errors import ConfigError, SancaiError
from sancai.model import ModelConfig, VisualConfig
from sancai.ops.rope import YarnScaling


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"compress_ratios": (0, 4, 8, 4)}, "compress_ratios has 4 entries, expected 5"),
        ({"compress_ratios": (0, 4, 8, 4, 0, 0)}, "compress_ratios has 6 entries, expected 5"),
        ({"num_nextn_predict_layers": 0}, "compress_ratios has 5 entries, expected 4"),
        ({"compress_ratios": (0, 3, 8, 4, 0)}, "compress_ratios"),
        ({"compress_ratios": (0, 1, 8, 4, 0)}, "compress_ratios"),
        ({"compress_ratios": (-4, 4, 8, 4, 0)}, "compress_ratios"),
        ({"sliding_window": 6}, "sliding_window 6 is below"),
        ({"compress_ratios": (0, 4, 32, 4, 0)}, r"minus one \(31\)"),
        ({"o_groups": 3}, "num_attention_heads 4 is not divisible by o_groups 3"),
        ({"qk_rope_head_dim": 18}, "qk_rope_head_dim 18"),
        ({"qk_rope_head_dim": 7}, "qk_rope_head_dim 7 must be even"),
        ({"index_head_dim": 4}, "qk_rope_head_dim 8"),
        ({"num_experts_per_tok": 5}, "num_experts_per_tok 5 exceeds n_routed_experts 4"),
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        small_config(**changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"latent_channels": 10}, "latent_channels 10 is not a multiple"),
        ({"num_experts_per_tok": 5}, "visual num_experts_per_tok 5 exceeds"),
    ],
)
def test_visual_settings_that_cannot_work_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        visual_config(**changes)


def test_a_sharing_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match="sharing"):
        VisualConfig(sharing="mixture")  # type: ignore[arg-type]


def test_the_smallest_window_that_covers_an_open_one_is_allowed() -> None:
    assert small_config(sliding_window=7).sliding_window == 7


def test_a_configuration_error_is_a_value_error_for_users() -> None:
    assert issubclass(ConfigError, ValueError) and issubclass(ConfigError, SancaiError)


def test_settings_survive_json() -> None:
    config = small_config(
        rope_scaling=YarnScaling(factor=4.0, original_max_position_embeddings=99),
        visual=visual_config(sharing="experts", anchor_blocks=2),
    )
    assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    stock = small_config(visual=None)
    assert ModelConfig.from_dict(json.loads(json.dumps(stock.to_dict()))) == stock


def test_unknown_settings_are_named() -> None:
    with pytest.raises(ConfigError, match="hidden_sise"):
        ModelConfig.from_dict(small_config().to_dict() | {"hidden_sise": 3})


def test_each_layer_kind_has_its_own_theta_and_only_compressed_ones_scale() -> None:
    config = small_config()
    assert config.rope(0) == (10000.0, None)
    assert config.rope(4) == config.rope(8) == (160000.0, config.rope_scaling)


def test_ratios_are_the_distinct_compressed_ones() -> None:
    assert small_config().ratios == (4, 8)


def test_without_a_visual_half_only_the_window_is_visible() -> None:
    assert small_config(visual=None).visibility == type(small_config().visibility)(sliding_window=8)
    visibility = small_config(visual=visual_config(local_blocks=3, anchor_blocks=2)).visibility
    assert (visibility.local_blocks, visibility.anchor_blocks) == (3, 2)
