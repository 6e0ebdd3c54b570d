"""DeepSeek's own folders: sharded safetensors with fp8 or fp4 matrices, or plain bf16, ↔ a Transformer.

Tensors are read one at a time into a model that has no memory yet, so loading needs the model and its
largest tensor.  A matrix `X.weight` is fp8 or packed fp4 if its element type says so, and then needs `X.scale`.
"""

import dataclasses
import json
import pathlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from math import prod
from typing import Literal

import torch
from torch import Tensor, nn

from sancai.checkpoint.config_file import official_config, parse_config
from sancai.checkpoint.folder import load_model, load_tokenizer
from sancai.checkpoint.layout import Spec, official_layout
from sancai.checkpoint.names import to_official
from sancai.checkpoint.shards import SHARD_BYTES, Shards, Stored, Tell, silent, write_shards
from sancai.errors import CheckpointError
from sancai.model import Experts, Linear, ModelConfig, Transformer
from sancai.ops.quantisation import (
    BLOCK,
    GROUP,
    dequantise_fp4,
    dequantise_fp8,
    quantise_fp4,
    quantise_fp8,
    scale_values,
)
from sancai.tokenizer import Tokenizer

Storage = Literal["bf16", "fp8", "fp4"]
CONFIG = "config.json"
BESIDE = ("tokenizer.json", "tokenizer_config.json", "generation_config.json")
PACKED = {"F8_E4M3": "fp8", "I8": "fp4", "U8": "fp4"}
FLOATS = {"BF16", "F16", "F32"}
EXPERTS = ".experts.w"
MOST_SHOWN = 20
ELEMENTS = {"BF16": torch.bfloat16, "F32": torch.float32, "I64": torch.int64}


class OfficialWeights:
    """The weights of a folder under our names; everything that does not fit is found before anything is read."""

    def __init__(self, shards: Shards, wanted: Mapping[str, Tensor]) -> None:
        """Compare the folder with the model's tensors `wanted` (meta tensors will do)."""
        self.shards = shards
        self.parts = {name: list(to_official({name: tensor}).items()) for name, tensor in wanted.items()}
        self._forms: dict[str, str] = {}
        self._check()

    def read(self, name: str, dtype: torch.dtype) -> Tensor:
        """Return one of our tensors; floating point numbers become `dtype`."""
        parts = [self._part(official, dtype) for official, _ in self.parts[name]]
        return torch.stack(parts) if self._is_stacked(name) else parts[0]

    def entry(self, spec: Spec, storage: Storage) -> Stored:
        """Return what one weight of the folder becomes in another storage."""
        kept = PACKED.get(spec.element) if storage != "bf16" else None
        if kept is not None and kept == self._forms[spec.name]:
            names = (spec.name, _scale(spec.name))
            return Stored(names, spec.num_bytes, lambda: [self.shards.read(n) for n in names])
        return _entry(spec, storage, lambda name: self._part(name, torch.float32))

    def packed(self, name: str) -> tuple[Tensor, Tensor] | None:
        """Return one of our tensors as it is stored, numbers and scales; None if it is stored plain."""
        parts = [official for official, _ in self.parts[name]]
        forms = {self._forms[p] for p in parts}
        if "plain" in forms or len(forms) > 1:
            return None
        numbers, scales = ([self.shards.read(f(p)) for p in parts] for f in (str, _scale))
        if not all(bool(torch.isfinite(scale_values(s)).all()) for s in scales):
            raise CheckpointError(f"{_scale(parts[0])} in {self.shards.folder} is not finite; fetch it again")
        is_stacked = self._is_stacked(name)
        return (torch.stack(numbers), torch.stack(scales)) if is_stacked else (numbers[0], scales[0])

    @staticmethod
    def _is_stacked(name: str) -> bool:
        return EXPERTS in name and not name.startswith("visual.")

    def _part(self, name: str, dtype: torch.dtype) -> Tensor:
        tensor, form = self.shards.read(name), self._forms[name]
        if form == "plain":
            out = tensor.to(dtype) if tensor.is_floating_point() else tensor
        else:
            unpack = dequantise_fp8 if form == "fp8" else dequantise_fp4
            out = unpack(tensor, self.shards.read(_scale(name)), dtype)
        if out.is_floating_point() and not bool(torch.isfinite(out).all()):
            raise CheckpointError(f"{name} in {self.shards.folder} holds numbers that are not finite; fetch it again")
        return out

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
            used |= {_scale(name)} if form != "plain" else set()
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
        if form == "plain" and (element in FLOATS) != tensor.is_floating_point():
            expected = "floating point" if tensor.is_floating_point() else "I64"
            found.append(f"{name} holds {element}, expected {expected}")
        if form != "plain":
            scales = (rows, columns // GROUP) if form == "fp4" else (-(-rows // BLOCK), -(-columns // BLOCK))
            found += self._scale_misfits(_scale(name), scales)
        return found

    def _scale_misfits(self, name: str, shape: tuple[int, int]) -> list[str]:
        if name not in self.shards.names:
            return [f"missing {name}"]
        if self.shards.shape(name) != shape:
            return [f"{name} has shape {list(self.shards.shape(name))}, expected {list(shape)}"]
        return []


def load_official(folder: pathlib.Path, dtype: torch.dtype = torch.bfloat16, *, expand: bool = False) -> Transformer:
    """Load a DeepSeek-V4 folder: matrices as they are stored or in `dtype`, what DeepSeek keeps wide in fp32.

    expand: unpack fp8 and fp4 once instead of at every use: faster, and up to four times the memory.

    Raises:
        CheckpointError: another architecture, or tensors that do not fit; all of them are named.
    """
    config = read_config(folder)
    with torch.device("meta"):
        model = Transformer(config)
    with Shards(folder) as shards:
        weights = OfficialWeights(shards, model.state_dict())
        narrow = _matrices(model)
        for name in weights.parts:
            stored = weights.packed(name) if name in narrow and not expand else None
            if stored is not None:
                _put(model, name, stored[0])
                _put(model, _scale(name) if name.endswith("weight") else f"{name}_scale", stored[1])
            else:
                _put(model, name, weights.read(name, dtype if name in narrow else torch.float32))
    model.compute_dtype = dtype
    return model.eval()


def open_model(folder: pathlib.Path) -> tuple[Transformer, Tokenizer]:
    """Load any model folder with its tokenizer: ours in fp32, DeepSeek's and transformers' in bf16."""
    if is_official(folder):
        return load_official(folder), load_tokenizer(folder, read_config(folder))
    return load_model(folder)


def is_official(folder: pathlib.Path) -> bool:
    """Return whether a folder is DeepSeek's or transformers': their config.json names a kind of model."""
    try:
        return "model_type" in json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return False


def read_config(folder: pathlib.Path) -> ModelConfig:
    """Return the architecture of a folder, whoever wrote its config.json."""
    path = folder / CONFIG
    if not path.is_file():
        raise CheckpointError(f"no model in {folder}: {CONFIG} is missing; name a folder with {CONFIG} and weights")
    try:
        return parse_config(json.loads(path.read_text(encoding="utf-8")), path)
    except (ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{path} does not describe a model ({error}); fetch it again") from error


def save_official(
    folder: pathlib.Path, config: ModelConfig, weights: Mapping[str, Tensor], storage: Storage = "fp4",
    shard_bytes: int = SHARD_BYTES,
) -> None:  # fmt: skip
    """Write the text half as DeepSeek's own files.

    storage: bf16 throughout; fp8 for all matrices; or fp4 for routed experts and fp8 for the rest, as released.
    """
    named = to_official({n: t.detach() for n, t in weights.items() if not n.startswith("visual.")})
    entries = (_entry(spec, storage, named.__getitem__) for spec in _weight_specs(config, storage))
    write_shards(folder, entries, None, shard_bytes)
    write_config(folder, config, storage)


def convert(
    source: pathlib.Path, target: pathlib.Path, storage: Storage, shard_bytes: int = SHARD_BYTES, tell: Tell = silent
) -> None:
    """Write the text half of a folder anew in another storage, one file at a time in memory.

    What is stored in the wanted form already is copied as it is.  An interrupted conversion goes on where it stopped.
    """
    config = read_config(source)
    text = dataclasses.replace(config, visual=None)
    with torch.device("meta"):
        wanted = Transformer(config).state_dict()
    with Shards(source) as shards:
        weights = OfficialWeights(shards, wanted)
        entries = (weights.entry(spec, storage) for spec in _weight_specs(text, storage))
        write_shards(target, entries, f"{shards.fingerprint} {storage}", shard_bytes, tell)
    write_config(target, text, storage)
    for name in BESIDE:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)


def converted_bytes(source: pathlib.Path, storage: Storage) -> int:
    """Return how large the converted weights will be."""
    specs = _weight_specs(dataclasses.replace(read_config(source), visual=None), storage)
    return sum(_entry(spec, storage, _unread).num_bytes for spec in specs)


def _unread(name: str) -> Tensor:
    raise AssertionError(f"{name} is measured, not read")


def write_config(folder: pathlib.Path, config: ModelConfig, storage: Storage) -> None:
    """Write config.json as DeepSeek does."""
    values = official_config(config)
    if storage != "bf16":
        values["quantization_config"] = {
            "quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [BLOCK, BLOCK], "scale_fmt": "ue8m0",
            "activation_scheme": "dynamic",
        }  # fmt: skip
        values["expert_dtype"] = storage
    (folder / CONFIG).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def _weight_specs(config: ModelConfig, storage: Storage) -> Iterator[Spec]:
    """Yield the layout without the scales, which come with their weights."""
    layout = official_layout(config, "fp4" if storage == "fp4" else "fp8")
    return (spec for spec in layout if spec.element != "F8_E8M0")


def _entry(spec: Spec, storage: Storage, read: Callable[[str], Tensor]) -> Stored:
    """Return what one weight becomes: itself, or packed numbers and their scales."""
    if spec.element in ELEMENTS or storage == "bf16":
        dtype = ELEMENTS.get(spec.element, torch.bfloat16)
        size = prod(spec.shape) * dtype.itemsize
        return Stored((spec.name,), size, lambda: [read(spec.name).to(dtype)])
    quantise = quantise_fp4 if spec.element == "I8" else quantise_fp8
    return Stored((spec.name, _scale(spec.name)), spec.num_bytes, lambda: quantise(read(spec.name)))


def _scale(name: str) -> str:
    return name.removesuffix("weight") + "scale"


def _matrices(model: Transformer) -> set[str]:
    """Return the names of the tensors that layers cast to the dtype of their input: the bulk of a model."""
    names = {"embed.weight"}
    for prefix, module in model.named_modules():
        if isinstance(module, Linear) and prefix != "head":
            names.add(f"{prefix}.weight")
        elif isinstance(module, Experts):
            names |= {f"{prefix}.{w}" for w in ("w1", "w2", "w3")}
    return names


def _put(model: nn.Module, name: str, tensor: Tensor) -> None:
    """Set a parameter or buffer of a model that has no memory yet."""
    prefix, _, leaf = name.rpartition(".")
    module = model.get_submodule(prefix)
    if leaf in module._parameters:
        learns = tensor.is_floating_point() and tensor.itemsize > 1
        module._parameters[leaf] = nn.Parameter(tensor, requires_grad=learns)
    else:
        module._buffers[leaf] = tensor
