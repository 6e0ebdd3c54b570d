"""What a config.json says is computed or refused; what other programs left in it is passed over with a warning."""

import dataclasses
import json
import math
import pathlib
import warnings
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from builders import random_model, small_config
from sancai.checkpoint.config_file import official_config, parse_config
from sancai.checkpoint.conversion import save_official
from sancai.checkpoint.loading import load_official
from sancai.checkpoint.shards import INDEX
from sancai.errors import CheckpointError
from sancai.ops.rope import YarnScaling, frequencies

CONFIG = small_config(
    visual=None, hidden_size=64, head_dim=32, q_lora_rank=32, o_lora_rank=32, moe_intermediate_size=32, o_groups=2,
    index_head_dim=16,
)  # fmt: skip
YARN = {"type": "yarn", "factor": 16, "original_max_position_embeddings": 65536, "beta_fast": 32, "beta_slow": 1}


def parse(**changes: Any) -> Any:
    return parse_config(json.loads(json.dumps(official_config(CONFIG) | changes)), "config.json")


@pytest.mark.parametrize("scaling", [None, {"type": "default"}, {"rope_type": "default", "rope_theta": 160000.0}])
def test_frequencies_that_are_not_scaled_stay_so(scaling: dict[str, Any] | None) -> None:
    config = parse(rope_scaling=scaling)
    assert config.rope_scaling is None
    assert parse_config(official_config(config), "config.json") == config
    theta, yarn = config.rope(4)
    plain = torch.tensor([theta ** (-2 * i / 8) for i in range(4)])
    assert torch.allclose(frequencies(8, theta, yarn), plain) and math.isclose(theta, 160000.0)


def test_scaling_that_is_left_out_is_none() -> None:
    values = official_config(CONFIG)
    del values["rope_scaling"]
    assert parse_config(values, "config.json").rope_scaling is None


@pytest.mark.parametrize(
    "extra", [{"attention_factor": 1.0}, {"attention_factor": None}, {"mscale": 1.0, "mscale_all_dim": 0.5}, {}]
)
def test_yarn_without_a_magnitude_is_read(extra: dict[str, Any]) -> None:
    assert parse(rope_scaling=YARN | {"factor": 4} | extra).rope_scaling == YarnScaling(factor=4)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"rope_scaling": {"type": "linear", "factor": 4.0}}, "type 'linear', expected 'yarn'"),
        ({"rope_scaling": {"factor": 4.0}}, "type None, expected 'yarn'"),
        ({"rope_scaling": YARN | {"attention_factor": 1.3}}, r"attention_factor = 1\.3, expected None or 1"),
        ({"rope_scaling": YARN | {"truncate": False}}, "truncate = False"),
        ({"rope_scaling": {"type": "yarn", "factor": 4}}, "lacks original_max_position_embeddings"),
        ({"rope_scaling": YARN | {"long_factor": [1]}}, "unknown setting long_factor"),
        ({"rope_scaling": 4}, "rope_scaling is 4, expected an object"),
        ({"q_lora_rank": None}, "q_lora_rank is missing"),
        ({"use_qk_norm": True}, "unknown setting use_qk_norm = True"),
    ],
)
def test_what_cannot_be_computed_is_refused(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(CheckpointError, match=problem):
        parse(**change)


@pytest.mark.parametrize("name", ["hidden_size", "sliding_window", "num_hash_layers", "rope_theta", "swiglu_limit"])
def test_a_missing_part_of_the_architecture_is_not_guessed(name: str) -> None:
    values = official_config(CONFIG)
    del values[name]
    with pytest.raises(CheckpointError, match=f"{name} is missing"):
        parse_config(values, "config.json")


EXTRAS = {
    "_name_or_path": "x/y", "return_dict": True, "temperature": 0.6, "unsloth_fixed": True, "unsloth_version": "1",
    "id2label": {"0": "LABEL_0"}, "output_hidden_states": False,
}  # fmt: skip


def test_what_other_programs_left_is_ignored_with_one_warning() -> None:
    with pytest.warns(UserWarning, match=", ".join(sorted(EXTRAS))) as told:
        assert parse(**EXTRAS) == CONFIG
    assert len(told) == 1


@pytest.mark.slow
def test_transformers_settings_are_read_as_transformers_means_them() -> None:
    from reference import reference_config

    config = dataclasses.replace(CONFIG, num_nextn_predict_layers=0, compress_ratios=CONFIG.compress_ratios[:-1])
    values = json.loads(reference_config(config).to_json_string())
    assert parse_config(values, "config.json") == config
    rope = values["rope_parameters"]
    plain = values | {"rope_parameters": rope | {"compress": {"rope_type": "default", "rope_theta": 160000.0}}}
    assert parse_config(plain, "config.json").rope_scaling is None
    width = values.pop("qk_rope_head_dim")
    values["partial_rotary_factor"] = width / config.head_dim
    assert parse_config(values, "config.json").qk_rope_head_dim == config.qk_rope_head_dim


def test_frequencies_that_other_programs_stored_are_ignored_with_one_warning(tmp_path: pathlib.Path) -> None:
    save_official(tmp_path, CONFIG, random_model(CONFIG, seed=3).state_dict(), "bf16")
    path = tmp_path / "model-00001.safetensors"
    tensors = load_file(path) | {f"layers.{n}.attn.rotary_emb.inv_freq": torch.ones(4) for n in (0, 1)}
    save_file(tensors, path)
    index = json.loads((tmp_path / INDEX).read_text())
    (tmp_path / INDEX).write_text(json.dumps(index | {"weight_map": dict.fromkeys(tensors, path.name)}))
    with pytest.warns(UserWarning, match=r"layers\.0\.attn\.rotary_emb\.inv_freq and 1 more is computed") as told:
        load_official(tmp_path)
    assert len(told) == 1


def test_a_clean_file_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert parse() == CONFIG
