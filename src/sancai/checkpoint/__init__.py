"""Checkpoints: model folders, DeepSeek's official files, conversion between formats, and training states."""

from sancai.checkpoint.conversion import convert, converted_bytes, save_official
from sancai.checkpoint.folder import TOKENIZER, WEIGHTS, load_model, load_weights, read_weights, save_model
from sancai.checkpoint.generation import (
    GENERATION,
    Action,
    GenerationConfig,
    SamplingConfig,
    load_generation,
    save_generation,
)
from sancai.checkpoint.loading import load_official, open_model
from sancai.checkpoint.official import CONFIG, read_config
from sancai.checkpoint.shards import INDEX, no_progress
from sancai.checkpoint.sizes import ModelSizes, model_sizes
from sancai.checkpoint.state import load_state, newest_state, save_state, state_step
from sancai.checkpoint.target import Target

__all__ = [
    "CONFIG", "GENERATION", "INDEX", "TOKENIZER", "WEIGHTS",
    "Action", "GenerationConfig", "SamplingConfig", "ModelSizes", "Target", "load_generation", "model_sizes",
    "convert", "converted_bytes", "load_model", "load_official", "load_state", "load_weights",
    "newest_state", "open_model", "read_config", "read_weights", "save_model", "save_official", "save_state",
    "no_progress", "save_generation", "state_step",
]  # fmt: skip
