"""The shipped model: 64×64 game characters from words, animated, described; a little arithmetic.

Three stages in one run folder; each goes on where the one before stopped:

    sancai train recipes.tiny:pretrain --run runs/tiny
    sancai train recipes.tiny:words --run runs/tiny
    sancai train recipes.tiny:settle --run runs/tiny
"""

from dataclasses import replace

from sancai.model import ModelConfig, VisualConfig
from sancai.train import LossConfig, OptimizerConfig, SampleConfig, Share, TrainConfig

PROMPTS = (
    "a knight in steel armour with a red cape, facing left",
    "a female elf with long red hair in a green tunic, facing the viewer",
    "a skeleton walking right",
    "a male orc with green skin wearing a blue t-shirt and black trousers, facing away",
)


def model() -> ModelConfig:
    """Return the architecture."""
    return ModelConfig(
        vocab_size=1280, hidden_size=256, num_hidden_layers=6, compress_ratios=(0, 4, 16, 4, 16, 4, 0),
        num_attention_heads=4, head_dim=128, qk_rope_head_dim=64, q_lora_rank=128, o_groups=2, o_lora_rank=128,
        sliding_window=64, index_n_heads=16, index_head_dim=64, index_topk=64, n_routed_experts=4,
        num_experts_per_tok=2, moe_intermediate_size=192, num_hash_layers=1, hc_mult=2, hc_sinkhorn_iters=8,
        visual=VisualConfig(n_routed_experts=6, num_experts_per_tok=2, local_blocks=1, block_frames=8),
    )  # fmt: skip


def pretrain(pack: str = "packs/characters") -> TrainConfig:
    """First stage, from nothing, at a constant rate: learn what characters look like."""
    return TrainConfig(
        name="tiny-pretrain",
        model=model(),
        pack=pack,
        mixture={
            "image": Share(24),
            "video": Share(3, 2, 0),
            "animate": Share(3, 2, 1),
            "look": Share(16, 2, 0),
            "arithmetic": Share(16, 2, 1),
            "edit": Share(8, 4, 3),
            "talk": Share(4, 4, 1),
        },
        samples=SampleConfig(image_copies=3, questions=5),
        optimizer=OptimizerConfig(lr=5e-3, adamw_lr=3e-3),
        loss=LossConfig(shift=3.0, bias_step=0.01, balance=3e-3),
        steps=349,
        warmup_steps=30,
        decay_share=0.0,
        sample_every=200,
        sample_prompts=PROMPTS,
        compile=True,
    )


def words(pack: str = "packs/characters") -> TrainConfig:
    """Second stage, in the same run folder: more captions a step, more noise, so that words take hold."""
    first = pretrain(pack)
    return replace(
        first,
        name="tiny-words",
        mixture={
            "image": Share(32),
            "video": Share(3, 2, 0),
            "animate": Share(3, 4, 1),
            "look": Share(20, 2, 1),
            "arithmetic": Share(12, 4, 2),
            "edit": Share(6, 4, 3),
            "talk": Share(4, 4, 0),
        },
        samples=replace(first.samples, image_copies=2),
        loss=replace(first.loss, shift=6.0),
        steps=536,
    )


def settle(pack: str = "packs/characters") -> TrainConfig:
    """Third stage, in the same run folder: more film, and rates that fall to zero."""
    second = words(pack)
    return replace(
        second,
        name="tiny-settle",
        mixture={
            **second.mixture,
            "image": Share(24),
            "video": Share(5, 2, 0),
            "animate": Share(4, 4, 1),
            "arithmetic": Share(16, 2, 0),
        },
        loss=replace(second.loss, shift=5.0),
        steps=955,
        decay_share=0.4,
    )
