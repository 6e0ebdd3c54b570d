"""The architectures that DeepSeek released, by name (config.json of each repository; V4 report section 4.2.1)."""

from dataclasses import replace

from sancai.errors import ConfigError
from sancai.model.config import ModelConfig
from sancai.ops.rope import YarnScaling


def _alternating(first: tuple[int, int], layers: int) -> tuple[int, ...]:
    """Return ratios: two layers by hand, then CSA and HCA in turn, then one window-only MTP block."""
    return (*first, *(4 if number % 2 == 0 else 128 for number in range(2, layers)), 0)


def v4_flash() -> ModelConfig:
    """Return DeepSeek-V4-Flash: 284B parameters, 13B active."""
    return ModelConfig(
        vocab_size=129280, hidden_size=4096, num_hidden_layers=43, compress_ratios=_alternating((0, 0), 43),
        num_attention_heads=64, head_dim=512, qk_rope_head_dim=64, q_lora_rank=1024, o_groups=8, o_lora_rank=1024,
        sliding_window=128, index_n_heads=64, index_head_dim=128, index_topk=512, n_routed_experts=256,
        n_shared_experts=1, num_experts_per_tok=6, moe_intermediate_size=2048, num_hash_layers=3,
        routed_scaling_factor=1.5, swiglu_limit=10.0, hc_mult=4, hc_sinkhorn_iters=20, hc_eps=1e-6, rms_norm_eps=1e-6,
        num_nextn_predict_layers=1, rope_theta=10000.0, compress_rope_theta=160000.0,
        rope_scaling=YarnScaling(factor=16.0, original_max_position_embeddings=65536),
        max_position_embeddings=1048576,
    )  # fmt: skip


def v4_pro() -> ModelConfig:
    """Return DeepSeek-V4-Pro: 1.6T parameters, 49B active; what is not said here is as in Flash."""
    return replace(
        v4_flash(), hidden_size=7168, num_hidden_layers=61, compress_ratios=_alternating((128, 128), 61),
        num_attention_heads=128, q_lora_rank=1536, o_groups=16, index_topk=1024, n_routed_experts=384,
        moe_intermediate_size=3072, routed_scaling_factor=2.5,
    )  # fmt: skip


NAMED = {"v4-flash": v4_flash, "v4-flash-base": v4_flash, "v4-pro": v4_pro, "v4-pro-base": v4_pro}
"""The Base models have the architecture of their siblings; their experts are stored in fp8."""


def named_config(name: str) -> ModelConfig:
    """Return a released architecture."""
    if name not in NAMED:
        raise ConfigError(f"no released architecture is called {name!r}; expected one of {', '.join(NAMED)}")
    return NAMED[name]()
