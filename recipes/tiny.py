"""The shipped model: 64×64 game characters from words, animated, described; a little arithmetic.

sancai train recipes.tiny:pretrain --run runs/tiny
"""

from sancai.data.characters import CharactersConfig
from sancai.model import ModelConfig, VisualConfig
from sancai.train import LossConfig, OptimizerConfig, Share, TrainConfig

PROMPTS = (
    "a knight in steel armour with a red cape, facing left",
    "a female elf with long red hair in a green tunic, facing the viewer",
    "a skeleton walking right",
    "a male orc with green skin wearing a blue t-shirt and black trousers, facing away",
)
KINDS = (*4 * ("wears",), *3 * ("count", "species"), *2 * ("action", "color"), "direction", "has")
"""What is asked about a picture: the hard ones most."""


def model() -> ModelConfig:
    """Return the architecture."""
    return ModelConfig(
        vocab_size=1280, hidden_size=256, num_hidden_layers=6, compress_ratios=(0, 4, 16, 4, 16, 4, 0),
        num_attention_heads=4, head_dim=128, qk_rope_head_dim=64, q_lora_rank=128, o_groups=2, o_lora_rank=128,
        sliding_window=128, index_n_heads=16, index_head_dim=64, index_topk=64, n_routed_experts=4,
        num_experts_per_tok=2, moe_intermediate_size=192, num_hash_layers=1, hc_mult=2, hc_sinkhorn_iters=8,
        max_position_embeddings=2048,
        visual=VisualConfig(n_routed_experts=6, num_experts_per_tok=2, local_blocks=1, block_frames=8),
    )  # fmt: skip


def pretrain(pack: str = "packs/characters") -> TrainConfig:
    """Train from nothing: pictures at every step, everything else in turn."""
    return TrainConfig(
        name="tiny-pretrain",
        model=model(),
        data=CharactersConfig(pack=pack, shift=4.0, image_copies=1, questions=6, kinds=KINDS, direct_share=0.0),
        mixture={
            "image": Share(20),
            "video": Share(3, 2, 1),
            "vqa": Share(20, 2, 0),
            "animate": Share(2, 4, 2),
            "arithmetic": Share(8, 8, 4),
            "edit": Share(6, 8, 6),
            "dialogue": Share(4, 16, 4),
        },
        optimizer=OptimizerConfig(lr=1e-2, adamw_lr=6e-3),
        loss=LossConfig(bias_step=0.01, balance=3e-3),
        steps=15000,
        warmup_steps=30,
        decay_share=0.5726,
        ema=0.998,
        save_every=200,
        sample_every=600,
        sample_prompts=PROMPTS,
        compile=True,
    )
