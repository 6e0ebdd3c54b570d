"""64×64 game characters: what people type → a look, the look → pixels, animated, described; a little talk and sums.

    sancai train recipes.tiny:release --run runs/tiny

Two stages: the text half learns by itself first, then a visual half is added and both learn together.
"""

import dataclasses

from sancai.data.characters import CharactersConfig
from sancai.model import ModelConfig, VisualConfig
from sancai.train import LossConfig, OptimizerConfig, Share, TrainConfig

KINDS = (*4 * ("wears",), *3 * ("count", "species"), *2 * ("action", "color"), "direction", "has")
"""What is asked about a picture: the hard ones most."""


def model() -> ModelConfig:
    """Return the architecture."""
    return ModelConfig(
        vocab_size=2048, hidden_size=256, num_hidden_layers=6, compress_ratios=(0, 4, 16, 4, 16, 4, 0),
        num_attention_heads=4, head_dim=128, qk_rope_head_dim=64, q_lora_rank=128, o_groups=2, o_lora_rank=128,
        sliding_window=128, index_n_heads=16, index_head_dim=64, index_topk=64, n_routed_experts=4,
        num_experts_per_tok=2, moe_intermediate_size=192, num_hash_layers=1, hc_mult=2, hc_sinkhorn_iters=8,
        max_position_embeddings=2048,
        visual=VisualConfig(n_routed_experts=6, num_experts_per_tok=2, local_blocks=1, block_frames=13),
    )  # fmt: skip


def data(pack: str = "packs/characters") -> CharactersConfig:
    """Return the data set of both stages."""
    return CharactersConfig(pack=pack, shift=4.0, image_copies=1, questions=6, kinds=KINDS)


def words(pack: str = "packs/characters") -> TrainConfig:
    """Train the text half from nothing: plans of looks most, then all that it says; rows of about 512 tokens."""
    return TrainConfig(
        name="words",
        model=dataclasses.replace(model(), visual=None),
        data=data(pack),
        mixture={
            "plan": Share(8, tokens=512),
            "arithmetic": Share(4, 2, 0, tokens=512),
            "story": Share(2, 4, 1, tokens=512),
            "card": Share(2, 4, 3, tokens=512),
            "unknown": Share(2, 4, 1, tokens=512),
            "dialogue": Share(2, 4, 3, tokens=512),
        },
        optimizer=OptimizerConfig(lr=1e-2, adamw_lr=6e-3),
        loss=LossConfig(bias_step=0.01, balance=3e-3),
        steps=4000,
        warmup_steps=30,
        ema=0.998,
        save_every=200,
        compile=True,
    )


def pictures(pack: str = "packs/characters") -> TrainConfig:
    """Add the visual half: pictures at every step, film, edits and questions in turn, text so that it stays."""
    return TrainConfig(
        name="pictures",
        model=model(),
        data=data(pack),
        mixture={
            "image": Share(10, tokens=400),
            "video": Share(2, 2, 1, tokens=1024),
            "describe": Share(10, 4, 0, tokens=256),
            "vqa": Share(10, 4, 2, tokens=256),
            "animate": Share(2, 4, 2, tokens=1024),
            "edit": Share(6, 8, 6),
            "plan": Share(2, 4, 1, tokens=512),
            "arithmetic": Share(2, 8, 3, tokens=512),
            "story": Share(1, 16, 7, tokens=512),
            "card": Share(1, 16, 15, tokens=512),
            "unknown": Share(1, 16, 5, tokens=512),
            "dialogue": Share(1, 16, 13, tokens=512),
        },
        optimizer=OptimizerConfig(lr=1e-2, adamw_lr=6e-3),
        loss=LossConfig(bias_step=0.01, balance=3e-3),
        steps=15000,
        warmup_steps=30,
        decay_share=0.5726,
        ema=0.998,
        save_every=200,
        compile=True,
    )


def release(pack: str = "packs/characters") -> tuple[TrainConfig, ...]:
    """Return both stages."""
    return words(pack), pictures(pack)
