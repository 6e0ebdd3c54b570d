"""Weights and run states on disk."""

from sancai.checkpoint.folder import TOKENIZER, WEIGHTS, load_config, load_model, load_weights, read_weights, save_model
from sancai.checkpoint.state import load_state, newest_state, save_state

__all__ = [
    "TOKENIZER", "WEIGHTS",
    "load_config", "load_model", "load_state", "load_weights", "newest_state", "read_weights", "save_model",
    "save_state",
]  # fmt: skip
