"""`config.json` of DeepSeek, transformers and Sancai ↔ ModelConfig.

Every key that is not part of the architecture is checked against the values that this model implements, or listed here
as having no effect (some with a warning, where it has no place in such a file); any other key is an error.  So is a
part of the architecture that is missing: nothing is guessed.
"""

import dataclasses
import warnings
from collections.abc import Mapping
from typing import Any

from sancai.errors import CheckpointError
from sancai.model import CSA_RATIO, ModelConfig

MODEL_TYPE = "deepseek_v4"
OTHERS = {
    "deepseek_v41": (
        "DeepSeek-V4.1: shared compressed entries (CSA2), single-pass hyper-connections, Engram tables and a vision "
        "tower, which this model does not have"
    ),
    "deepseek_v32": "DeepSeek-V3.2: latent attention, another architecture",
    "deepseek_v3": "DeepSeek-V3: latent attention, another architecture",
    "deepseek_v2": "DeepSeek-V2: latent attention, another architecture",
}
FIXED: dict[str, tuple[Any, ...]] = {
    "scoring_func": ("sqrtsoftplus",), "topk_method": ("noaux_tc",), "norm_topk_prob": (True,), "hidden_act": ("silu",),
    "tie_word_embeddings": (False,), "attention_bias": (False,), "num_key_value_heads": (1,), "n_group": (None, 1),
    "topk_group": (None, 1), "first_k_dense_replace": (0,), "attention_dropout": (0, 0.0), "mlp_bias": (False,),
}  # fmt: skip
"""Settings that must have one of these values if present."""
IGNORED = {
    "architectures", "model_type", "auto_map", "torch_dtype", "dtype", "transformers_version", "use_cache",
    "bos_token_id", "eos_token_id", "pad_token_id", "quantization_config", "expert_dtype", "pretraining_tp",
    "aux_loss_alpha", "seq_aux", "output_router_logits", "router_aux_loss_coef", "router_jitter_noise", "kv_lora_rank",
    "partial_rotary_factor", "rope_interleave", "intermediate_size", "attn_implementation", "_attn_implementation",
    "dspark_block_size", "dspark_noise_token_id", "dspark_target_layer_ids", "dspark_markov_rank",
    "qk_nope_head_dim", "v_head_dim", "ep_size", "num_local_experts",
}  # fmt: skip
HARMLESS = {
    "_name_or_path", "return_dict", "output_hidden_states", "output_attentions", "chunk_size_feed_forward", "id2label",
    "label2id", "problem_type", "torchscript", "num_labels", "max_length", "min_length", "temperature", "top_p",
    "top_k", "do_sample", "num_beams", "num_return_sequences", "repetition_penalty", "length_penalty",
    "no_repeat_ngram_size", "early_stopping", "bad_words_ids", "decoder_start_token_id", "forced_bos_token_id",
    "forced_eos_token_id", "sep_token_id", "task_specific_params", "tokenizer_class", "prefix", "finetuning_task",
    "remove_invalid_values",
}  # fmt: skip
"""Settings of programs that loaded and saved a model: labels, outputs, decoding.  They say nothing about it."""
HARMLESS_PREFIXES = ("unsloth_",)
YARN = {"factor": True, "original_max_position_embeddings": True, "beta_fast": False, "beta_slow": False}
"""Settings of YaRN, and whether they are needed."""
YARN_FIXED: dict[str, tuple[Any, ...]] = {"attention_factor": (None, 1), "truncate": (None, True)}
"""Settings of YaRN that must have one of these values if present: frequencies alone are scaled, at whole pairs."""
YARN_IGNORED = {"type", "rope_type", "rope_theta", "partial_rotary_factor", "mscale", "mscale_all_dim"}
"""mscale has no effect, because V4 does not scale the magnitude."""
OPTIONAL = {"rope_scaling", "visual", "initializer_range", "max_position_embeddings", "num_nextn_predict_layers"}
"""Parts of the architecture that a config.json may leave out."""
HEAVY = "heavily_compressed_attention"
LAYER_TYPES = {"sliding_attention": 0, "compressed_sparse_attention": CSA_RATIO}


def parse_config(values: Mapping[str, Any], source: object) -> ModelConfig:
    """Return the architecture of a config.json in DeepSeek's, transformers' or Sancai's format.

    Raises:
        CheckpointError: another architecture, or settings that this model does not implement; all are listed.
    """
    kind = str(values.get("model_type", ""))
    for prefix, what in OTHERS.items():
        if kind == prefix or kind.startswith(prefix + "_"):
            raise CheckpointError(f"{source} describes {what}; use a DeepSeek-V4 checkpoint")
    if not kind and "architectures" not in values:
        return ModelConfig.from_dict(dict(values))
    if kind not in ("", MODEL_TYPE):
        raise CheckpointError(f"{source} describes a {kind!r} model; expected {MODEL_TYPE!r}")
    return ModelConfig.from_dict(_plain(values, source))


def official_config(config: ModelConfig) -> dict[str, Any]:
    """Return the values of DeepSeek's config.json for the text half."""
    values = {k: v for k, v in config.to_dict().items() if k != "visual"}
    yarn = values.pop("rope_scaling")
    scaling = None if yarn is None else {"type": "yarn", **yarn}
    return {
        "architectures": ["DeepseekV4ForCausalLM"], "model_type": MODEL_TYPE, **values,
        "compress_ratios": list(config.compress_ratios), "rope_scaling": scaling,
        "num_key_value_heads": 1, "scoring_func": "sqrtsoftplus", "topk_method": "noaux_tc", "norm_topk_prob": True,
        "hidden_act": "silu", "tie_word_embeddings": False, "torch_dtype": "bfloat16",
    }  # fmt: skip


def _plain(values: Mapping[str, Any], source: object) -> dict[str, Any]:
    """Return the settings under ModelConfig's keys.

    Raises:
        CheckpointError: settings that this model does not implement.
    """
    problems = [
        f"{key} is {values[key]!r}, expected {' or '.join(map(repr, allowed))}"
        for key, allowed in FIXED.items()
        if key in values and values[key] not in allowed
    ]
    rest = {k: v for k, v in values.items() if k not in FIXED and k not in IGNORED and v is not None}
    rest = _without_extras(rest, source)
    if "layer_types" in rest:
        rest = _from_transformers({**rest, "partial_rotary_factor": values.get("partial_rotary_factor")})
    rest["rope_scaling"], rope_problems = _yarn(rest.get("rope_scaling"))
    known = [f.name for f in dataclasses.fields(ModelConfig)]
    problems += rope_problems
    problems += [f"{key} is missing" for key in known if key not in rest and key not in OPTIONAL]
    problems += [f"unknown setting {key} = {rest[key]!r}" for key in rest if key not in known]
    if problems:
        raise CheckpointError(f"{source} does not describe a DeepSeek-V4 model: {'; '.join(problems)}")
    return rest


def _without_extras(values: Mapping[str, Any], source: object) -> dict[str, Any]:
    """Return the settings without those that other programs left, which are named in a warning."""
    extras = sorted(k for k in values if k in HARMLESS or k.startswith(HARMLESS_PREFIXES))
    if extras:
        warnings.warn(f"{source}: {', '.join(extras)} say nothing about the model; ignored", UserWarning, stacklevel=2)
    return {key: value for key, value in values.items() if key not in extras}


def _yarn(scaling: Any) -> tuple[dict[str, Any] | None, list[str]]:
    """Return the settings of YaRN, None for frequencies that are not scaled, and what cannot be computed about them."""
    if scaling is None:
        return None, []
    if not isinstance(scaling, Mapping):
        return None, [f"rope_scaling is {scaling!r}, expected an object or null"]
    kind = scaling.get("rope_type", scaling.get("type"))
    if kind == "default":
        return None, []
    if kind != "yarn":
        return None, [f"rope_scaling has type {kind!r}, expected 'yarn', 'default' or null"]
    fixed = [(key, allowed) for key, allowed in YARN_FIXED.items() if scaling.get(key) not in allowed]
    problems = [f"rope_scaling has {k} = {scaling[k]!r}, expected {' or '.join(map(repr, a))}" for k, a in fixed]
    problems += [f"rope_scaling lacks {key}" for key, is_needed in YARN.items() if is_needed and key not in scaling]
    unknown = set(scaling) - set(YARN) - set(YARN_FIXED) - YARN_IGNORED
    problems += [f"rope_scaling has the unknown setting {key} = {scaling[key]!r}" for key in sorted(unknown)]
    return {key: scaling[key] for key in YARN if scaling.get(key) is not None}, problems


def _from_transformers(values: Mapping[str, Any]) -> dict[str, Any]:
    """Translate transformers' per-layer lists and rope parameters to DeepSeek's keys; transformers has no MTP block."""
    rest = {key: value for key, value in values.items() if key != "partial_rotary_factor"}
    kinds, rates = rest.pop("layer_types"), rest.pop("compress_rates")
    ratios = LAYER_TYPES | {HEAVY: rates[HEAVY]}
    unknown = sorted(set(kinds) - set(ratios))
    if unknown:
        raise ValueError(f"unknown layer types {', '.join(unknown)}; expected some of {', '.join(ratios)}")
    rest["compress_ratios"] = [ratios[k] for k in kinds]
    rest["num_hash_layers"] = rest.pop("mlp_layer_types", []).count("hash_moe")
    rest["num_nextn_predict_layers"] = 0
    rope = rest.pop("rope_parameters", {})
    if rope:
        rest["rope_theta"], rest["compress_rope_theta"] = (rope[k]["rope_theta"] for k in ("main", "compress"))
        rest["rope_scaling"] = rope["compress"]
        if rope["main"].get("rope_type", "default") != "default":
            raise ValueError("rope_parameters scale layers without compression, whose frequencies V4 leaves alone")
    if "qk_rope_head_dim" not in rest and values.get("partial_rotary_factor"):
        rest["qk_rope_head_dim"] = int(rest["head_dim"] * values["partial_rotary_factor"])
    return rest
