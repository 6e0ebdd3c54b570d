"""The layout of official files: the published totals, and our own tensors under the same names."""

import pytest

from builders import small_config
from sancai.checkpoint.layout import official_layout
from sancai.checkpoint.names import to_official
from sancai.errors import ConfigError
from sancai.model import Transformer, named_config


@pytest.mark.parametrize(
    ("name", "tensors", "size"), [("v4-pro", 145_116, 864_704_792_696), ("v4-flash", 69_187, None)]
)
def test_totals_are_the_published_ones(name: str, tensors: int, size: int | None) -> None:
    specs = list(official_layout(named_config(name)))
    assert len(specs) == len({s.name for s in specs}) == tensors
    total = sum(s.num_bytes for s in specs)
    assert total == size if size else round(total / 1e9, 2) == 159.61


def test_flash_has_the_published_schedule() -> None:
    flash, pro = named_config("v4-flash"), named_config("v4-pro")
    assert [flash.compress_ratios.count(r) for r in (0, 4, 128)] == [3, 21, 20]
    assert [pro.compress_ratios.count(r) for r in (0, 4, 128)] == [1, 30, 31]
    assert flash.compress_ratios[42] == pro.compress_ratios[60] == 4


def test_names_and_shapes_are_those_of_our_own_weights() -> None:
    config = small_config(visual=None, hidden_size=128, moe_intermediate_size=64, q_lora_rank=64, o_lora_rank=64)
    ours = {n: tuple(t.shape) for n, t in to_official(Transformer(config).state_dict()).items()}
    stored = {
        s.name: s.shape for s in official_layout(config, "fp8") if not s.name.endswith(".scale") or "hc_" in s.name
    }
    assert stored == ours
    packed = {s.name: s for s in official_layout(config, "fp4")}
    expert = packed["layers.0.ffn.experts.0.w1.weight"]
    assert expert.element == "I8" and expert.shape == (64, 64)
    assert packed["layers.0.ffn.experts.0.w1.scale"].shape == (64, 4)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="v4-flash, v4-flash-base, v4-pro, v4-pro-base"):
        named_config("v5")
