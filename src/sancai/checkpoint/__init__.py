"""Checkpoints: model folders, DeepSeek's official files, conversion between formats, and training states."""

from sancai.checkpoint.conversion import convert, converted_bytes, save_official
from sancai.checkpoint.folder import TOKENIZER, WEIGHTS, load_model, load_weights, read_weights, save_model
from sancai.checkpoint.loading import load_official, open_model
from sancai.checkpoint.official import CONFIG, read_config
from sancai.checkpoint.shards import INDEX, no_progress
from sancai.checkpoint.sizes import ModelSizes, model_sizes
from sancai.checkpoint.state import load_state, newest_state, save_state

__all__ = [
    "CONFIG", "INDEX", "TOKENIZER", "WEIGHTS",
    "ModelSizes", "model_sizes",
    "convert", "converted_bytes", "load_model", "load_official", "load_state", "load_weights",
    "newest_state", "open_model", "read_config", "read_weights", "save_model", "save_official", "save_state",
    "no_progress",
]  # fmt: skip
