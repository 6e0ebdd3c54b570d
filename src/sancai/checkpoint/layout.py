"""The layout of DeepSeek's official checkpoints: names, element types and shapes, without any weights.

Names and shapes come from the model itself, built on the meta device.  Element types are those of the V4 release: bf16
embeddings, norms, routers and compressors; fp32 hyper-connections, sinks and position biases; fp8 matrices with e8m0
scales of 128 × 128 blocks; routed experts in fp4 with scales of 32 columns (fp8 in the Base models).
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Literal

import torch
from torch import Tensor

from sancai.checkpoint.names import scale_name, to_official
from sancai.model import ModelConfig, Transformer, fp32_tensors
from sancai.ops.quantisation import BLOCK, GROUP

Element = Literal["BF16", "F32", "I64", "I8", "F8_E4M3", "F8_E8M0"]
ExpertFormat = Literal["fp4", "fp8"]
ELEMENT_BYTES: dict[Element, int] = {"BF16": 2, "F32": 4, "I64": 8, "I8": 1, "F8_E4M3": 1, "F8_E8M0": 1}
BF16_MATRICES = ("embed.", "head.weight", ".gate.weight", ".weights_proj.", ".compressor.")
"""Parts of the names of matrices that are not quantised."""
ROUTED_EXPERTS = ".ffn.experts."


@dataclass(frozen=True)
class TensorSpec:
    """Name, element type and shape of one stored tensor."""

    name: str
    element: Element
    shape: tuple[int, ...]

    @property
    def num_bytes(self) -> int:
        return prod(self.shape) * ELEMENT_BYTES[self.element]


def official_layout(config: ModelConfig, experts: ExpertFormat = "fp4") -> Iterator[TensorSpec]:
    """Yield every tensor of the official files of a model's text half."""
    weights, fp32 = _meta_weights(dataclasses.replace(config, visual=None))
    for name, tensor in weights.items():
        yield from _specs(name, tensor, name in fp32, experts)


def fp32_names(config: ModelConfig) -> set[str]:
    """Return the official names of the small tensors that stay fp32."""
    return _meta_weights(config)[1]


def _meta_weights(config: ModelConfig) -> tuple[dict[str, Tensor], set[str]]:
    """Return a model's weights on the meta device by official name, and the names of those that stay fp32."""
    with torch.device("meta"):
        model = Transformer(config, seed=None)
    state = model.state_dict()
    return to_official(state), set(to_official({name: state[name] for name in fp32_tensors(model)}))


def _specs(name: str, tensor: Tensor, is_fp32: bool, experts: ExpertFormat) -> Iterator[TensorSpec]:
    """Yield how one tensor is stored: as it is, or as quantised values and their scales."""
    shape = tuple(tensor.shape)
    if not tensor.is_floating_point():
        yield TensorSpec(name, "I64", shape)
    elif is_fp32:
        yield TensorSpec(name, "F32", shape)
    elif tensor.dim() < 2 or any(part in name for part in BF16_MATRICES):
        yield TensorSpec(name, "BF16", shape)
    elif experts == "fp4" and ROUTED_EXPERTS in name:
        yield TensorSpec(name, "I8", (shape[0], shape[1] // 2))
        yield TensorSpec(scale_name(name), "F8_E8M0", (shape[0], shape[1] // GROUP))
    else:
        yield TensorSpec(name, "F8_E4M3", shape)
        yield TensorSpec(scale_name(name), "F8_E8M0", (-(-shape[0] // BLOCK), -(-shape[1] // BLOCK)))
