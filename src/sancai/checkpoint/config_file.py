"""`config.json` of DeepSeek, transformers and Sancai ↔ ModelConfig.

Every key that is not part of the architecture is either checked against the values that this model implements, or
listed here as having no effect; any other key is an error.
"""

import dataclasses
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
YARN = ("factor", "original_max_position_embeddings", "beta_fast", "beta_slow")
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
    return {
        "architectures": ["DeepseekV4ForCausalLM"], "model_type": MODEL_TYPE, **values,
        "compress_ratios": list(config.compress_ratios), "rope_scaling": {"type": "yarn", **yarn},
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
    if "layer_types" in rest:
        rest = _from_transformers(rest)
    if isinstance(rest.get("rope_scaling"), Mapping):
        rest["rope_scaling"] = {k: rest["rope_scaling"][k] for k in YARN if k in rest["rope_scaling"]}
    known = {f.name for f in dataclasses.fields(ModelConfig)}
    problems += [f"unknown setting {key} = {rest[key]!r}" for key in rest if key not in known]
    if problems:
        raise CheckpointError(f"{source} does not describe a DeepSeek-V4 model: {'; '.join(problems)}")
    return rest


def _from_transformers(values: Mapping[str, Any]) -> dict[str, Any]:
    """Translate transformers' per-layer lists and rope parameters to DeepSeek's keys; transformers has no MTP block."""
    rest = dict(values)
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
    return rest
