"""The model of an estimate: a released architecture by name, or a model folder."""

import pathlib
from dataclasses import dataclass, replace

import torch

from sancai.checkpoint import ModelSizes, model_sizes, read_config
from sancai.checkpoint.official import keeps_stored_dtype
from sancai.checkpoint.shards import Shards
from sancai.errors import RequestError
from sancai.estimate.workload import ElementBytes
from sancai.model import NAMED, ModelConfig, Transformer, VisualConfig, named_config
from sancai.ops.quantisation import BLOCK, GROUP

FP8, FP4 = 1 + 1 / BLOCK**2, 0.5 + 1 / GROUP
"""Bytes per element including its share of the scales."""
STORED = {"F8_E4M3": FP8, "I8": FP4, "U8": FP4, "BF16": 2.0, "F16": 2.0, "F32": 4.0}
MATRIX, EXPERT = "layers.0.attn.wq_a.weight", "layers.0.ffn.experts.0.w1.weight"


@dataclass(frozen=True)
class ModelSpec:
    """The architecture and the sizes of a model.

    config: with a visual half; a default one if the model has none.
    sizes: of the text half.
    parameters: of both halves.
    weight_bytes: as stored.
    formats: bytes per stored element.
    """

    name: str
    config: ModelConfig
    sizes: ModelSizes
    parameters: int
    weight_bytes: int
    formats: ElementBytes
    has_visual: bool
    is_ours: bool

    def computing(self, number_bytes: float) -> ElementBytes:
        """Return the element sizes of a run that computes in a dtype of `number_bytes` bytes."""
        return replace(self.formats, math=number_bytes)


def find_model(model: str) -> ModelSpec:
    """Return the model of a released name or a folder.

    Raises:
        RequestError: it is neither.
        CheckpointError: the folder does not contain a DeepSeek-V4 model.
    """
    if model in NAMED:
        return _named(model)
    folder = pathlib.Path(model)
    if not model or not folder.is_dir():
        names = ", ".join(NAMED)
        raise RequestError(f"no model {model!r}; expected tiny, a model folder or a released one: {names}")
    return _folder(folder)


def _named(name: str) -> ModelSpec:
    experts = "fp8" if name.endswith("-base") else "fp4"
    config = named_config(name)
    sizes = model_sizes(config, "fp8" if experts == "fp8" else "fp4")
    formats = ElementBytes(weights=FP8, experts=FP8 if experts == "fp8" else FP4)
    return ModelSpec(name, with_visual(config), sizes, sizes.parameters, sizes.weight_bytes, formats, False, False)


def _folder(folder: pathlib.Path) -> ModelSpec:
    """Return the model of a folder; single-file Sancai folders run in fp32, others as stored."""
    config = read_config(folder)
    with torch.device("meta"):
        parameters = sum(p.numel() for p in Transformer(config, seed=None).parameters())
    if keeps_stored_dtype(folder):
        formats, is_ours = _stored(folder), False
        size = sum(f.stat().st_size for f in folder.glob("*.safetensors"))
    else:
        formats, is_ours, size = ElementBytes(weights=4.0, experts=4.0), True, 4 * parameters
    sizes = model_sizes(replace(config, visual=None), "fp8")
    has_visual = config.visual is not None
    return ModelSpec(folder.name, with_visual(config), sizes, parameters, size, formats, has_visual, is_ours)


def _stored(folder: pathlib.Path) -> ElementBytes:
    """Return the bytes per element in the files of a folder."""
    with Shards(folder) as shards:
        return ElementBytes(weights=STORED[shards.element(MATRIX)], experts=STORED[shards.element(EXPERT)])


def with_visual(config: ModelConfig) -> ModelConfig:
    """Return the architecture with a visual half, a default one if it has none."""
    return config if config.visual else replace(config, visual=VisualConfig())
