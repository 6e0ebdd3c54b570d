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

SAMPLES = (
    "man; fair skin; blue eyes; steel knight helmet; steel plate armor; steel armored boots; red cape; walking; "
    "facing left",
    "elf woman; fair skin; green eyes; long red hair; green tunic; brown trousers; brown boots; walking; facing right",
    "skeleton; walking; facing right",
    "an old wizard with a pointed hat",
)
"""Looks, and words that the model plans by itself, of which sheets are drawn while it learns."""


def model() -> ModelConfig:
    """Return the architecture."""
    return ModelConfig(
        vocab_size=2048, hidden_size=256, num_hidden_layers=6, compress_ratios=(0, 4, 16, 4, 16, 4, 0),
        num_attention_heads=4, head_dim=128, qk_rope_head_dim=64, q_lora_rank=128, o_groups=2, o_lora_rank=128,
        sliding_window=128, index_n_heads=16, index_head_dim=64, index_topk=64, n_routed_experts=4,
        num_experts_per_tok=2, moe_intermediate_size=192, num_hash_layers=1, hc_mult=2, hc_sinkhorn_iters=8,
        max_position_embeddings=2048,
        visual=VisualConfig(n_routed_experts=12, num_experts_per_tok=2, local_blocks=1, block_frames=13),
    )  # fmt: skip


def data(pack: str = "packs/characters") -> CharactersConfig:
    """Return the data set of both stages."""
    return CharactersConfig(pack=pack, shift=4.0, image_copies=4, drop_look=0.05, questions=6, kinds=KINDS)


def words(pack: str = "packs/characters") -> TrainConfig:
    """Train the text half from nothing: plans of looks most, then all that it says; rows of about 256 tokens."""
    return TrainConfig(
        name="words",
        model=dataclasses.replace(model(), visual=None),
        data=data(pack),
        mixture={
            "plan": Share(12, tokens=256),
            "arithmetic": Share(6, 2, 0, tokens=256),
            "dialogue": Share(4, 4, 1, tokens=256),
            "unknown": Share(4, 4, 1, tokens=256),
            "story": Share(4, 4, 3, tokens=256),
            "card": Share(4, 4, 3, tokens=256),
        },
        optimizer=OptimizerConfig(lr=1e-2, adamw_lr=6e-3),
        loss=LossConfig(bias_step=0.01, balance=3e-3),
        steps=1200,
        warmup_steps=30,
        decay_share=0.3,
        ema=0.995,
        save_every=200,
    )


def pictures(pack: str = "packs/characters") -> TrainConfig:
    """Add the visual half: pictures at every step, film, edits and questions in turn, text so that it stays."""
    return TrainConfig(
        name="pictures",
        model=model(),
        data=data(pack),
        mixture={
            "image": Share(40),
            "video": Share(6, 2, 1, tokens=1024),
            "animate": Share(3, 4, 2, tokens=1024),
            "edit": Share(10, 4, 0),
            "describe": Share(12, 4, 3, tokens=256),
            "vqa": Share(8, 4, 1, tokens=256),
            "plan": Share(4, 4, 2, tokens=256),
            "arithmetic": Share(3, 8, 0, tokens=256),
            "unknown": Share(1, 8, 4, tokens=256),
            "dialogue": Share(1, 8, 6, tokens=256),
            "story": Share(1, 16, 2, tokens=256),
            "card": Share(1, 16, 10, tokens=256),
        },
        optimizer=OptimizerConfig(lr=1e-2, adamw_lr=6e-3),
        loss=LossConfig(bias_step=0.01, balance=3e-3, outer_share=0.25),
        steps=20000,
        warmup_steps=100,
        decay_share=0.25,
        ema=0.998,
        save_every=200,
        sample_every=600,
        sample_prompts=SAMPLES,
    )


def release(pack: str = "packs/characters") -> tuple[TrainConfig, ...]:
    """Return both stages."""
    return words(pack), pictures(pack)
