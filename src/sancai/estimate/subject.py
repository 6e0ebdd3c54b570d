"""The model that an estimate is about: a released architecture by name, or a model folder."""

import pathlib
from dataclasses import dataclass, replace

import torch

from sancai.checkpoint import ModelSizes, model_sizes, read_config
from sancai.checkpoint.official import keeps_stored_dtype
from sancai.checkpoint.shards import Shards
from sancai.errors import RequestError
from sancai.estimate.work import Formats
from sancai.model import NAMED, ModelConfig, Transformer, VisualConfig, named_config
from sancai.ops.quantisation import BLOCK, GROUP

FP8, FP4 = 1 + 1 / BLOCK**2, 0.5 + 1 / GROUP
"""Bytes of a number with its share of the scales."""
STORED = {"F8_E4M3": FP8, "I8": FP4, "U8": FP4, "BF16": 2.0, "F16": 2.0, "F32": 4.0}
MATRIX, EXPERT = "layers.0.attn.wq_a.weight", "layers.0.ffn.experts.0.w1.weight"


@dataclass(frozen=True)
class Subject:
    """A model to estimate.

    config: with a visual half, a plain one where the model has none of its own.  sizes: of the text half.
    parameters: of everything it holds.  weight_bytes: as stored.  formats: bytes of its stored numbers.
    """

    name: str
    config: ModelConfig
    sizes: ModelSizes
    parameters: int
    weight_bytes: int
    formats: Formats
    has_visual: bool
    is_ours: bool

    def computing(self, number_bytes: float) -> Formats:
        """Return the formats of a run whose arithmetic uses numbers of so many bytes."""
        return replace(self.formats, math=number_bytes)


def find_subject(model: str) -> Subject:
    """Return the model of a released name or a folder.

    Raises:
        RequestError: neither.
        CheckpointError: a folder that holds no DeepSeek-V4.
    """
    if model in NAMED:
        return _named(model)
    folder = pathlib.Path(model)
    if not model or not folder.is_dir():
        names = ", ".join(NAMED)
        raise RequestError(f"no model {model!r}; expected tiny, a model folder or a released one: {names}")
    return _folder(folder)


def _named(name: str) -> Subject:
    experts = "fp8" if name.endswith("-base") else "fp4"
    config = named_config(name)
    sizes = model_sizes(config, "fp8" if experts == "fp8" else "fp4")
    formats = Formats(weights=FP8, experts=FP8 if experts == "fp8" else FP4)
    return Subject(name, drawing(config), sizes, sizes.parameters, sizes.weight_bytes, formats, False, False)


def _folder(folder: pathlib.Path) -> Subject:
    """Return the model of a folder: ours of one file runs from fp32, others as their files are stored."""
    config = read_config(folder)
    with torch.device("meta"):
        parameters = sum(p.numel() for p in Transformer(config, seed=None).parameters())
    if keeps_stored_dtype(folder):
        formats, is_ours = _stored(folder), False
        size = sum(f.stat().st_size for f in folder.glob("*.safetensors"))
    else:
        formats, is_ours, size = Formats(weights=4.0, experts=4.0), True, 4 * parameters
    sizes = model_sizes(replace(config, visual=None), "fp8")
    has_visual = config.visual is not None
    return Subject(folder.name, drawing(config), sizes, parameters, size, formats, has_visual, is_ours)


def _stored(folder: pathlib.Path) -> Formats:
    """Return the bytes of the numbers in a folder's files."""
    with Shards(folder) as shards:
        return Formats(weights=STORED[shards.element(MATRIX)], experts=STORED[shards.element(EXPERT)])


def drawing(config: ModelConfig) -> ModelConfig:
    """Return an architecture with a visual half, a plain one if it has none."""
    return config if config.visual else replace(config, visual=VisualConfig())
