"""Weights and run states on disk."""

from sancai.checkpoint.conversion import convert, converted_bytes, save_official
from sancai.checkpoint.folder import TOKENIZER, WEIGHTS, load_config, load_model, load_weights, read_weights, save_model
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
from sancai.checkpoint.shards import INDEX, silent
from sancai.checkpoint.sizes import Sizes, measure
from sancai.checkpoint.state import load_state, newest_state, save_state

__all__ = [
    "CONFIG", "GENERATION", "INDEX", "TOKENIZER", "WEIGHTS",
    "Action", "GenerationConfig", "SamplingConfig", "Sizes", "load_generation", "measure", "save_generation",
    "convert", "converted_bytes", "load_config", "load_model", "load_official", "load_state", "load_weights",
    "newest_state", "open_model", "read_config", "read_weights", "save_model", "save_official", "save_state",
    "silent",
]  # fmt: skip
