"""Under a million parameters, on sheets drawn by code: trains from a clean clone in minutes on one core."""

from sancai.data.characters import CharactersConfig
from sancai.model import ModelConfig, VisualConfig
from sancai.ops.rope import YarnScaling
from sancai.train import LossConfig, OptimizerConfig, Share, TrainConfig


def model() -> ModelConfig:
    """Return the architecture: every mechanism, as small as it stays alive."""
    return ModelConfig(
        vocab_size=1024, hidden_size=64, num_hidden_layers=4, compress_ratios=(0, 4, 8, 4, 0), num_attention_heads=4,
        head_dim=32, qk_rope_head_dim=16, q_lora_rank=32, o_groups=2, o_lora_rank=32, sliding_window=16,
        index_n_heads=16, index_head_dim=16, index_topk=8, n_routed_experts=4, num_experts_per_tok=2,
        moe_intermediate_size=32, num_hash_layers=1, hc_mult=2, hc_sinkhorn_iters=6,
        rope_scaling=YarnScaling(original_max_position_embeddings=256),
        visual=VisualConfig(n_routed_experts=4, num_experts_per_tok=2, block_frames=13),
    )  # fmt: skip


def pretrain() -> TrainConfig:
    """Train from nothing on synthetic sheets: pictures at every step, text and film in turn."""
    return TrainConfig(
        name="nano-pretrain",
        model=model(),
        data=CharactersConfig(image_copies=2, questions=2),
        mixture={
            "image": Share(8),
            "vqa": Share(8, 2, 0),
            "arithmetic": Share(2, 4, 1, tokens=256),
            "plan": Share(2, 4, 3, tokens=256),
            "video": Share(2, 4, 3),
        },
        optimizer=OptimizerConfig(lr=6e-3, adamw_lr=4e-3),
        loss=LossConfig(bias_step=0.01, balance=3e-3),
        steps=300,
        warmup_steps=15,
        save_every=50,
        dtype="float32",
    )
