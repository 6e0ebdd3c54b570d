"""DeepSeek's own folders: sharded safetensors with fp8 or fp4 matrices, or plain bf16.

A matrix `X.weight` is fp8 or packed fp4
if its element type says so, and then needs `X.scale`.
"""

import json
import pathlib
from collections.abc import Mapping

import torch
from torch import Tensor

from sancai.checkpoint.config_file import parse_config
from sancai.checkpoint.names import scale_name, to_official
from sancai.checkpoint.shards import INDEX, Shards
from sancai.errors import CheckpointError
from sancai.model import ModelConfig
from sancai.ops.quantisation import BLOCK, GROUP, scale_values

CONFIG = "config.json"
PACKED = {"F8_E4M3": "fp8", "I8": "fp4", "U8": "fp4"}
FLOATS, WHOLE = ("BF16", "F16", "F32"), ("I64", "I32")
SCALES = ("F8_E8M0", "U8", "F32", "BF16")
EXPERTS, TABLE = ".experts.w", ".tid2eid"
MOST_SHOWN = 20
FP8_NAN = 127


class OfficialWeights:
    """The weights of a folder under our names; everything that does not fit is found before anything is read."""

    def __init__(self, shards: Shards, wanted: Mapping[str, Tensor]) -> None:
        """Compare the folder with the model's tensors `wanted` (meta tensors will do)."""
        self.shards = shards
        self.parts = {name: list(to_official({name: tensor}).items()) for name, tensor in wanted.items()}
        self._forms: dict[str, str] = {}
        self._check()

    def form(self, name: str) -> str:
        """Return how an official tensor is stored: `fp8`, `fp4` or `plain`."""
        return self._forms[name]

    def fetch(self, name: str) -> tuple[Tensor, Tensor | None]:
        """Return an official tensor as it is stored, and its scales if it is packed; refuse what is not finite."""
        tensor, form = self.shards.read(name), self._forms[name]
        if form == "plain":
            return self._plain(name, tensor), None
        scale = self.shards.read(scale_name(name))
        scale = scale.view(torch.float8_e8m0fnu) if scale.dtype == torch.uint8 else scale
        self._refuse(scale_name(name), not bool(torch.isfinite(scale_values(scale)).all()))
        if form == "fp4":
            return tensor.view(torch.int8), scale
        self._refuse(name, bool((tensor.view(torch.uint8) & FP8_NAN == FP8_NAN).any()))
        return tensor, scale

    def _plain(self, name: str, tensor: Tensor) -> Tensor:
        if tensor.is_floating_point():
            self._refuse(name, not bool(torch.isfinite(tensor).all()))
            return tensor
        experts = self.shards.shape(name.removesuffix(TABLE) + ".weight")[0] if name.endswith(TABLE) else None
        if experts is not None and not bool(((tensor >= 0) & (tensor < experts)).all()):
            raise CheckpointError(
                f"{name} in {self.shards.folder} names experts outside 0 to {experts - 1}; fetch it again"
            )
        return tensor.to(torch.int64)

    def _refuse(self, name: str, is_bad: bool) -> None:
        if is_bad:
            raise CheckpointError(f"{name} in {self.shards.folder} holds numbers that are not finite; fetch it again")

    @staticmethod
    def is_stacked(name: str) -> bool:
        """Return whether one of our tensors holds a layer's experts."""
        return EXPERTS in name and not name.startswith("visual.")

    def _check(self) -> None:
        """List every tensor that is missing, unexpected, of another shape or of another element type."""
        there, used, problems = self.shards.names, set(), []
        for name, tensor in (pair for parts in self.parts.values() for pair in parts):
            used.add(name)
            if name not in there:
                problems.append(f"missing {name}")
                continue
            form = PACKED.get(self.shards.element(name), "plain") if tensor.dim() == 2 else "plain"
            self._forms[name] = form
            used |= {scale_name(name)} if form != "plain" else set()
            problems += self._misfits(name, tensor, form)
        problems += [f"unexpected {name}" for name in sorted(there - used)]
        if problems:
            more = f"\n  … and {len(problems) - MOST_SHOWN} more" if len(problems) > MOST_SHOWN else ""
            raise CheckpointError(
                f"the weights in {self.shards.folder} do not fit the model:\n  "
                + "\n  ".join(problems[:MOST_SHOWN]) + more + "\nfetch them again, or take the matching config.json"
            )  # fmt: skip

    def _misfits(self, name: str, tensor: Tensor, form: str) -> list[str]:
        """Return what is wrong with one tensor of the folder."""
        rows, columns = tensor.shape if tensor.dim() == 2 else (0, 0)
        shape = (rows, columns // 2) if form == "fp4" else tuple(tensor.shape)
        found = []
        if self.shards.shape(name) != shape:
            found.append(f"{name} has shape {list(self.shards.shape(name))}, expected {list(shape)}")
        element = self.shards.element(name)
        allowed = FLOATS if tensor.is_floating_point() else WHOLE
        if form == "plain" and element not in allowed:
            found.append(f"{name} holds {element}, expected {' or '.join(allowed)}")
        if form != "plain":
            scales = (rows, columns // GROUP) if form == "fp4" else (-(-rows // BLOCK), -(-columns // BLOCK))
            found += self._scale_misfits(scale_name(name), scales)
        return found

    def _scale_misfits(self, name: str, shape: tuple[int, int]) -> list[str]:
        if name not in self.shards.names:
            return [f"missing {name}"]
        if self.shards.shape(name) != shape:
            return [f"{name} has shape {list(self.shards.shape(name))}, expected {list(shape)}"]
        element = self.shards.element(name)
        return [] if element in SCALES else [f"{name} holds {element}, expected {' or '.join(SCALES)}"]


def is_official(folder: pathlib.Path) -> bool:
    """Return whether a folder is DeepSeek's or transformers': their config.json names a kind of model."""
    try:
        return "model_type" in json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return False


def keeps_stored_dtype(folder: pathlib.Path) -> bool:
    """Return whether a folder's weights stay as they are stored: all but ours of one file, which become fp32."""
    return is_official(folder) or (folder / INDEX).is_file()


def read_config(folder: pathlib.Path) -> ModelConfig:
    """Return the architecture of a folder, whoever wrote its config.json."""
    path = folder / CONFIG
    if not path.is_file():
        raise CheckpointError(f"no model in {folder}: {CONFIG} is missing; name a folder with {CONFIG} and weights")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError(f"it holds a {type(values).__name__}, not settings by name")
        return parse_config(values, path)
    except (ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{path} does not describe a model ({error}); fetch it again") from error
