"""DeepSeek's official folders: sharded safetensors in bf16, or with matrices in fp8 or packed fp4.

The element type of `X.weight` says whether it is quantised; if so, `X.scale` holds its scales.
"""

import json
import pathlib
import warnings
from collections.abc import Mapping, Sequence
from math import prod

import torch
from torch import Tensor

from sancai.checkpoint.config_file import parse_config
from sancai.checkpoint.names import scale_name, to_official
from sancai.checkpoint.shards import INDEX, Shards, refuse_pointer
from sancai.errors import CheckpointError
from sancai.model import ModelConfig
from sancai.ops.quantisation import BLOCK, GROUP, scale_values

CONFIG = "config.json"
PACKED = {"F8_E4M3": "fp8", "I8": "fp4", "U8": "fp4"}
FLOATS, INTEGERS = ("BF16", "F16", "F32"), ("I64", "I32")
SCALES = {"F8_E8M0": 1, "U8": 1, "F32": 4, "BF16": 2}
"""Element types of scales, and their bytes."""
RECOMPUTED = "inv_freq"
"""How tensors end that other programs store, and that every program computes from the config."""
STACKED_EXPERTS, HASH_ROUTING = ".experts.w", ".tid2eid"
MAX_SHOWN = 20
FP8_NAN = 127


class OfficialWeights:
    """The weights of a folder under our names; validated against the model before anything is read.

    parts: our parameter name → (official name, meta tensor) of each of its parts.
    """

    def __init__(self, shards: Shards, wanted: Mapping[str, Tensor]) -> None:
        """Validate the folder against the model's tensors `wanted`, which may be on the meta device.

        Raises:
            CheckpointError: tensors that do not fit; all of them are listed.
        """
        self.shards = shards
        self.parts = {name: list(to_official({name: tensor}).items()) for name, tensor in wanted.items()}
        self._formats: dict[str, str] = {}
        self._check()

    def format_of(self, name: str) -> str:
        """Return the stored format of an official tensor: `fp8`, `fp4` or `plain`."""
        return self._formats[name]

    def stored_bytes(self, name: str) -> int:
        """Return the bytes of a quantised tensor and its scales, from their headers."""
        scale = scale_name(name)
        return prod(self.shards.shape(name)) + prod(self.shards.shape(scale)) * SCALES[self.shards.element(scale)]

    def fetch(self, name: str) -> tuple[Tensor, Tensor | None]:
        """Read an official tensor as it is stored, and its scales if it is quantised.

        Raises:
            CheckpointError: values that are not finite, or expert numbers out of range.
        """
        tensor, stored = self.shards.read(name), self._formats[name]
        if stored == "plain":
            return self._plain(name, tensor), None
        scale = self.shards.read(scale_name(name))
        scale = scale.view(torch.float8_e8m0fnu) if scale.dtype == torch.uint8 else scale
        self._refuse(scale_name(name), not bool(torch.isfinite(scale_values(scale)).all()))
        if stored == "fp4":
            return tensor.view(torch.int8), scale
        self._refuse(name, bool((tensor.view(torch.uint8) & FP8_NAN == FP8_NAN).any()))
        return tensor, scale

    def _plain(self, name: str, tensor: Tensor) -> Tensor:
        if tensor.is_floating_point():
            self._refuse(name, not bool(torch.isfinite(tensor).all()))
            return tensor
        experts = (
            self.shards.shape(name.removesuffix(HASH_ROUTING) + ".weight")[0] if name.endswith(HASH_ROUTING) else None
        )
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
        """Return whether one of our parameters stacks the experts of a layer."""
        return STACKED_EXPERTS in name and not name.startswith("visual.")

    def _check(self) -> None:
        """Find every tensor that is missing, unexpected, or has another shape or element type."""
        there, used, problems = self.shards.names, set(), []
        for name, tensor in (pair for parts in self.parts.values() for pair in parts):
            used.add(name)
            if name not in there:
                problems.append(f"missing {name}")
                continue
            stored = PACKED.get(self.shards.element(name), "plain") if tensor.dim() == 2 else "plain"
            self._formats[name] = stored
            used |= {scale_name(name)} if stored != "plain" else set()
            problems += self._mismatches(name, tensor, stored)
        unused = {name for name in there - used if name.endswith(RECOMPUTED)}
        if unused:
            shown = f"{min(unused)}{f' and {len(unused) - 1} more' if len(unused) > 1 else ''}"
            warnings.warn(f"{self.shards.folder}: {shown} is computed, not read; ignored", UserWarning, stacklevel=3)
        problems += [f"unexpected {name}" for name in sorted(there - used - unused)]
        if problems:
            raise mismatch_error(self.shards.folder, problems)

    def _mismatches(self, name: str, tensor: Tensor, stored: str) -> list[str]:
        """Return the problems with one tensor of the folder."""
        rows, columns = tensor.shape if tensor.dim() == 2 else (0, 0)
        shape = (rows, columns // 2) if stored == "fp4" else tuple(tensor.shape)
        found = []
        if self.shards.shape(name) != shape:
            found.append(f"{name} has shape {list(self.shards.shape(name))}, expected {list(shape)}")
        element = self.shards.element(name)
        allowed = FLOATS if tensor.is_floating_point() else INTEGERS
        if stored == "plain" and element not in allowed:
            found.append(f"{name} holds {element}, expected {' or '.join(allowed)}")
        if stored != "plain":
            scales = (rows, columns // GROUP) if stored == "fp4" else (-(-rows // BLOCK), -(-columns // BLOCK))
            found += self._scale_mismatches(scale_name(name), scales)
        return found

    def _scale_mismatches(self, name: str, shape: tuple[int, int]) -> list[str]:
        if name not in self.shards.names:
            return [f"missing {name}"]
        if self.shards.shape(name) != shape:
            return [f"{name} has shape {list(self.shards.shape(name))}, expected {list(shape)}"]
        element = self.shards.element(name)
        return [] if element in SCALES else [f"{name} holds {element}, expected {' or '.join(SCALES)}"]


def mismatch_error(source: object, problems: Sequence[str]) -> CheckpointError:
    """Return the error about tensors that do not fit a model; it lists the first of them."""
    more = f"\n  … and {len(problems) - MAX_SHOWN} more" if len(problems) > MAX_SHOWN else ""
    shown = "\n  ".join(problems[:MAX_SHOWN])
    return CheckpointError(
        f"the weights in {source} do not fit the model:\n  {shown}{more}\n"
        "fetch them again, or use the matching config.json"
    )


def is_official(folder: pathlib.Path) -> bool:
    """Return whether a folder is in DeepSeek's or transformers' format: its config.json has a `model_type`."""
    try:
        return "model_type" in json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return False


def keeps_stored_dtype(folder: pathlib.Path) -> bool:
    """Return whether weights keep their stored dtype; single-file Sancai folders are loaded as fp32."""
    return is_official(folder) or (folder / INDEX).is_file()


def read_config(folder: pathlib.Path) -> ModelConfig:
    """Read the architecture of a folder in Sancai's, DeepSeek's or transformers' format.

    Raises:
        CheckpointError: no config.json, or one that does not describe a DeepSeek-V4 model.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise CheckpointError(f"no model in {folder}: {CONFIG} is missing; expected a folder with {CONFIG} and weights")
    refuse_pointer(path)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError(f"it holds a {type(values).__name__}, not settings by name")
        return parse_config(values, path)
    except (ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{path} does not describe a model ({error}); fetch it again") from error
