"""Build transformers' DeepseekV4ForCausalLM with our weights, carried over by name."""

import re

import torch
from transformers import DeepseekV4Config, DeepseekV4ForCausalLM

from sancai.checkpoint.names import to_official
from sancai.model import ModelConfig, Transformer

KINDS = {0: "sliding_attention", 4: "compressed_sparse_attention"}
RENAMES = [
    (r"^embed\.", "model.embed_tokens."),
    (r"^head\.", "lm_head."),
    (r"^norm\.", "model.norm."),
    (r"^layers\.", "model.layers."),
    (r"^hc_head_", "model.hc_head.hc_"),
    (r"\.attn_norm\.", ".input_layernorm."),
    (r"\.ffn_norm\.", ".post_attention_layernorm."),
    (r"\.hc_(attn|ffn)_", r".\1_hc."),
    (r"\.attn\.indexer\.compressor\.", ".attn.compressor.indexer."),
    (r"\.attn\.indexer\.wq_b", ".attn.compressor.indexer.q_b_proj"),
    (r"\.attn\.indexer\.weights_proj", ".attn.compressor.indexer.scorer.weights_proj"),
    (r"\.attn\.wq_a\.", ".attn.q_a_proj."),
    (r"\.attn\.wq_b\.", ".attn.q_b_proj."),
    (r"\.attn\.wkv\.", ".attn.kv_proj."),
    (r"\.attn\.wo_a\.", ".attn.o_a_proj."),
    (r"\.attn\.wo_b\.", ".attn.o_b_proj."),
    (r"\.attn\.q_norm\.", ".attn.q_a_norm."),
    (r"\.attn_sink$", ".sinks"),
    (r"(compressor(?:\.indexer)?)\.wkv\.", r"\1.kv_proj."),
    (r"(compressor(?:\.indexer)?)\.wgate\.", r"\1.gate_proj."),
    (r"(compressor(?:\.indexer)?)\.ape$", r"\1.position_bias"),
    (r"(compressor(?:\.indexer)?)\.norm\.", r"\1.kv_norm."),
    (r"\.gate\.bias$", ".gate.e_score_correction_bias"),
    (r"\.shared_experts\.w1\.", ".shared_experts.gate_proj."),
    (r"\.shared_experts\.w3\.", ".shared_experts.up_proj."),
    (r"\.shared_experts\.w2\.", ".shared_experts.down_proj."),
    (r"\.attn\.", ".self_attn."),
    (r"\.ffn\.", ".mlp."),
]


def reference_config(config: ModelConfig) -> DeepseekV4Config:
    """Return transformers' configuration for the same architecture."""
    ratios = config.compress_ratios[: config.num_hidden_layers]
    yarn = config.rope_scaling
    plain = {"rope_type": "default", "rope_theta": config.rope_theta}
    blended = {
        "rope_type": "yarn",
        "rope_theta": config.compress_rope_theta,
        "factor": yarn.factor,
        "original_max_position_embeddings": yarn.original_max_position_embeddings,
        "beta_fast": yarn.beta_fast,
        "beta_slow": yarn.beta_slow,
        "attention_factor": 1.0,
    }
    partial = config.qk_rope_head_dim / config.head_dim
    names = (
        "vocab_size hidden_size num_hidden_layers num_attention_heads head_dim q_lora_rank o_groups o_lora_rank "
        "sliding_window index_n_heads index_head_dim index_topk n_routed_experts n_shared_experts "
        "num_experts_per_tok moe_intermediate_size routed_scaling_factor swiglu_limit hc_mult "
        "hc_sinkhorn_iters hc_eps rms_norm_eps max_position_embeddings"
    ).split()
    heavy = max([r for r in ratios if r > 4], default=128)
    return DeepseekV4Config(
        **{n: getattr(config, n) for n in names},
        layer_types=[KINDS.get(r, "heavily_compressed_attention") for r in ratios],
        mlp_layer_types=["hash_moe" if i < config.num_hash_layers else "moe" for i in range(len(ratios))],
        compress_rates={"compressed_sparse_attention": 4, "heavily_compressed_attention": heavy},
        partial_rotary_factor=partial,
        rope_parameters={
            "main": plain | {"partial_rotary_factor": partial},
            "compress": blended | {"partial_rotary_factor": partial},
        },
        attn_implementation="eager",
    )


def reference_weights(model: Transformer) -> dict[str, torch.Tensor]:
    """Return the text weights under transformers' names."""
    plain = {n: t for n, t in model.export_text().items() if not n.startswith("mtp.") and ".experts.w" not in n}
    out = {}
    for name, tensor in to_official(plain).items():
        for pattern, new in RENAMES:
            name = re.sub(pattern, new, name)
        out[name] = tensor
    for number, block in enumerate(model.layers):
        experts, prefix = block.ffn.experts, f"model.layers.{number}.mlp.experts"
        out[f"{prefix}.gate_up_proj"] = torch.cat([experts.w1, experts.w3], 1)
        out[f"{prefix}.down_proj"] = experts.w2
    return out


def reference_model(model: Transformer) -> DeepseekV4ForCausalLM:
    """Return the reference model with the same weights."""
    twin = DeepseekV4ForCausalLM(reference_config(model.config)).eval()
    own = twin.state_dict()
    given = {n: t for n, t in reference_weights(model).items() if n in own}
    left = [n for n in reference_weights(model) if n not in own]
    missing, _ = twin.load_state_dict(given, strict=False)
    if left or missing:
        raise AssertionError(f"names differ: only ours {left}, only reference {missing}")
    return twin
