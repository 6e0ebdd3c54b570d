"""Conversion to DeepSeek's official files in bf16, fp8 or fp4: from memory, or from a folder one file at a time."""

import contextlib
import dataclasses
import json
import pathlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from math import prod
from typing import Literal

import torch
from torch import Tensor

from sancai.checkpoint.companions import copy_companions, find_companions
from sancai.checkpoint.config_file import official_config
from sancai.checkpoint.layout import TensorSpec, fp32_names, official_layout
from sancai.checkpoint.names import scale_name, to_official
from sancai.checkpoint.official import CONFIG, OfficialWeights, read_config
from sancai.checkpoint.shards import (
    SHARD_BYTES,
    Entry,
    ProgressCallback,
    Shards,
    no_progress,
    plan_shards,
    write_shards,
)
from sancai.checkpoint.target import Target
from sancai.errors import CapacityError
from sancai.files import atomic_write
from sancai.model import ModelConfig, Transformer
from sancai.ops.quantisation import BLOCK, GROUP, quantise_fp4, quantise_fp8, unpack

WeightFormat = Literal["bf16", "fp8", "fp4"]
Fetch = Callable[[str], tuple[Tensor, Tensor | None]]
PLAIN = {"BF16": torch.bfloat16, "F32": torch.float32, "I64": torch.int64}
POWERS_OF_TWO = torch.float8_e8m0fnu


def save_official(
    folder: pathlib.Path, config: ModelConfig, weights: Mapping[str, Tensor], weight_format: WeightFormat = "fp4",
    shard_bytes: int = SHARD_BYTES, *, include_visual: bool = False,
) -> None:  # fmt: skip
    """Write the text half as official files; weights that are already in the wanted format are copied bitwise.

    weight_format: bf16 for everything; fp8 for all matrices; or fp4 for routed experts and fp8 for the other matrices,
        as released.
    include_visual: also write the visual half (in bf16), with a config.json that only Sancai reads.

    Raises:
        CheckpointError: files in the folder that no earlier call wrote are in the way.
    """
    named = to_official({n: t.detach() for n, t in weights.items() if include_visual or not n.startswith("visual.")})

    def fetch(name: str) -> tuple[Tensor, Tensor | None]:
        return named[name], named.get(scale_name(name)) if name.endswith(".weight") else None

    with _writing(folder):
        specs = (*_weight_specs(config, weight_format), *_visual_specs(config, named))
        plan = plan_shards((_entry(spec, weight_format, fetch) for spec in specs), shard_bytes)
        target = Target(folder)
        target.begin([CONFIG, *plan])
        index = write_shards(folder, plan, None)
        write_config(folder, config, weight_format, include_visual=include_visual)
        target.finish(index)


def convert(
    source: pathlib.Path, target: pathlib.Path, weight_format: WeightFormat, shard_bytes: int = SHARD_BYTES,
    on_progress: ProgressCallback = no_progress, *, include_visual: bool = False,
) -> None:  # fmt: skip
    """Convert the text half of a folder to another format, with one file at a time in memory.

    Tensors that are already in the wanted format are copied bitwise.  An interrupted conversion resumes where it
    stopped; the index is written last, and a folder without it does not count as a model.  All files of the source
    that are not weights come along (`find_companions`).  In `target`, only files of an earlier conversion are replaced
    or removed.

    include_visual: convert the visual half too.

    Raises:
        CheckpointError: the source is damaged, or somebody else's files in `target` are in the way.
    """
    config = read_config(source)
    kept = config if include_visual else dataclasses.replace(config, visual=None)
    with torch.device("meta"):
        wanted = Transformer(config, seed=None).state_dict()
    with Shards(source) as shards, _writing(target):
        weights = OfficialWeights(shards, wanted)
        specs = (*_weight_specs(kept, weight_format), *(_visual_specs(kept, wanted) if include_visual else ()))
        plan = plan_shards((_entry(spec, weight_format, weights.fetch) for spec in specs), shard_bytes)
        companions, output = find_companions(source, target), Target(target)
        _check_disk(target, sum(entry.num_bytes for group in plan.values() for entry in group))
        output.begin([CONFIG, *companions, *plan])
        origin = f"{shards.fingerprint} {weight_format}{' whole' if include_visual else ''}"
        index = write_shards(target, plan, origin, on_progress)
        copy_companions(source, target, companions)
        write_config(target, kept, weight_format, include_visual=include_visual)
        output.finish(index)


def converted_bytes(source: pathlib.Path, weight_format: WeightFormat, *, include_visual: bool = False) -> int:
    """Return the size of the converted weights in bytes."""
    config = read_config(source)
    text = stored_bytes(dataclasses.replace(config, visual=None), weight_format)
    if not include_visual or config.visual is None:
        return text
    with torch.device("meta"):
        named = Transformer(config, seed=None).state_dict()
    return text + sum(spec.num_bytes for spec in _visual_specs(config, named))


def stored_bytes(config: ModelConfig, weight_format: WeightFormat) -> int:
    """Return the size in bytes of a model's files in a format, without their headers."""
    return sum(_num_bytes(spec, weight_format) for spec in _weight_specs(config, weight_format))


def write_config(
    folder: pathlib.Path, config: ModelConfig, weight_format: WeightFormat, *, include_visual: bool = False
) -> None:
    """Write config.json: DeepSeek's, or with the visual half Sancai's."""
    values = config.to_dict() if include_visual else official_config(config)
    if weight_format != "bf16" and not include_visual:
        values["quantization_config"] = {
            "quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [BLOCK, BLOCK], "scale_fmt": "ue8m0",
            "activation_scheme": "dynamic",
        }  # fmt: skip
        values["expert_dtype"] = weight_format
    with atomic_write(folder / CONFIG) as partial:
        partial.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


@contextlib.contextmanager
def _writing(folder: pathlib.Path) -> Iterator[None]:
    """Turn the errors of the disk into one that says what to do."""
    try:
        yield
    except OSError as error:
        raise CapacityError(
            f"cannot write into {folder} ({error.strerror or error}); is the disk full or the folder read-only? "
            "Without an index the folder does not count as a model"
        ) from error


def _check_disk(folder: pathlib.Path, needed: int) -> None:
    """Refuse a conversion for which the disk has no room, counting what an interrupted one has written already."""
    place = next(p for p in (folder, *folder.absolute().parents) if p.is_dir())
    done = sum(path.stat().st_size for path in folder.glob("model-*.safetensors"))
    free = shutil.disk_usage(place).free
    if needed > free + done:
        raise CapacityError(
            f"{folder} would take {needed / 2**30:,.2f} GiB, its disk has {free / 2**30:,.2f} GiB free; "
            "free some space, or name a folder on another disk"
        )


def _weight_specs(config: ModelConfig, weight_format: WeightFormat) -> Iterator[TensorSpec]:
    """Yield the layout without the scales, which are written with their weights."""
    layout = official_layout(config, "fp4" if weight_format == "fp4" else "fp8")
    return (spec for spec in layout if spec.element != "F8_E8M0")


def _visual_specs(config: ModelConfig, named: Mapping[str, Tensor]) -> Iterator[TensorSpec]:
    """Yield the layout of the visual half: bf16, with small tensors in fp32."""
    fp32 = fp32_names(config)
    for name, tensor in named.items():
        if name.startswith("visual."):
            yield TensorSpec(name, "F32" if name in fp32 else "BF16", tuple(tensor.shape))


def _entry(spec: TensorSpec, weight_format: WeightFormat, fetch: Fetch) -> Entry:
    """Return the entry of one weight: its values, and its scales if it is quantised."""
    if spec.element in PLAIN or weight_format == "bf16":
        return Entry((spec.name,), _num_bytes(spec, weight_format), lambda: [_plain(spec, *fetch(spec.name))])
    names = spec.name, scale_name(spec.name)
    return Entry(names, _num_bytes(spec, weight_format), lambda: _packed(spec, *fetch(spec.name)))


def _plain(spec: TensorSpec, values: Tensor, scale: Tensor | None) -> Tensor:
    return unpack(values, scale, PLAIN.get(spec.element, torch.bfloat16))


def _packed(spec: TensorSpec, values: Tensor, scale: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return values and scales in the wanted format; a weight that has it already is returned unchanged."""
    wanted = torch.int8 if spec.element == "I8" else torch.float8_e4m3fn
    if scale is not None and values.dtype == wanted and scale.dtype == POWERS_OF_TWO:
        return values, scale
    quantise = quantise_fp4 if spec.element == "I8" else quantise_fp8
    return quantise(unpack(values, scale, torch.float32))


def _num_bytes(spec: TensorSpec, weight_format: WeightFormat) -> int:
    """Return the bytes of one weight and its scales."""
    if spec.element in PLAIN:
        return spec.num_bytes
    rows, columns = spec.shape
    if weight_format == "bf16":
        return prod(spec.shape) * 2
    scales = rows * (columns * 2 // GROUP) if spec.element == "I8" else -(-rows // BLOCK) * -(-columns // BLOCK)
    return spec.num_bytes + scales
