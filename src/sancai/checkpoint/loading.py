"""Loading official folders into a Transformer: tensors are read by several threads, straight into their final memory.

Files are read one after the other, so that besides the model at most one file's pages are in memory.
"""

import pathlib
import threading
from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sancai.checkpoint.capacity import check_memory, file_bytes, wide_bytes
from sancai.checkpoint.folder import load_model, load_tokenizer
from sancai.checkpoint.names import scale_name
from sancai.checkpoint.official import OfficialWeights, keeps_stored_dtype, read_config
from sancai.checkpoint.shards import ProgressCallback, Shards, no_progress
from sancai.model import Experts, Linear, Transformer
from sancai.ops.quantisation import unpack
from sancai.tokenizer import Tokenizer

READERS = 4
"""Number of reading threads; they mostly wait for the disk."""
SCALE_TYPES = {
    "F8_E8M0": torch.float8_e8m0fnu, "U8": torch.float8_e8m0fnu, "F32": torch.float32, "BF16": torch.bfloat16,
}  # fmt: skip
EMBEDDING = "embed.weight"
VALUE_TYPES = {"fp8": torch.float8_e4m3fn, "fp4": torch.int8}


@dataclass(frozen=True)
class TensorView:
    """The memory for one official tensor: views of values and scales, or of values only, which are then dequantised."""

    name: str
    values: Tensor
    scales: Tensor | None = None


@dataclass(frozen=True)
class Destination:
    """Pre-allocated storage for one parameter, with one view per tensor of the official checkpoint."""

    values: Tensor
    scales: Tensor | None
    views: tuple[TensorView, ...]


def load_official(
    folder: pathlib.Path,
    dtype: torch.dtype = torch.bfloat16,
    *,
    dequantize: bool = False,
    on_progress: ProgressCallback = no_progress,
    device_free: int | None = None,
) -> Transformer:
    """Load a DeepSeek-V4 folder: quantised matrices as they are stored, others in `dtype`, small tensors in fp32.

    dequantize: dequantise fp8 and fp4 on loading instead of at every use: faster, with up to four times the memory.
    on_progress: called with the bytes read so far, by one thread at a time.
    device_free: bytes of memory that are free on the device where the model will go; None for the host itself.

    Raises:
        CheckpointError: another architecture, or tensors that do not fit; all of them are listed.
        CapacityError: it does not fit into memory, by the sizes of its tensors.
    """
    config = read_config(folder)
    with torch.device("meta"):
        model = Transformer(config, seed=None)
    with Shards(folder) as shards:
        weights = OfficialWeights(shards, model.state_dict())
        matrices, views = _matrices(model), list[TensorView]()
        needed = loaded_bytes(weights, matrices, dtype, dequantize=dequantize)
        check_memory(folder, needed)
        if device_free is not None:
            check_memory(folder, needed, device_free, "the device")
        for name in weights.parts:
            keeps_format = name in matrices and name != EMBEDDING and not dequantize
            target = packed_destination(weights, name) if keeps_format else None
            target = target or plain_destination(weights, name, dtype if name in matrices else torch.float32)
            _put(model, name, target.values)
            if target.scales is not None:
                _put(model, scale_name(name) if name.endswith("weight") else f"{name}_scale", target.scales)
            views += target.views
        fill(weights, views, on_progress)
    model.compute_dtype = dtype
    return model.eval()


def open_model(
    folder: pathlib.Path, on_progress: ProgressCallback = no_progress, device_free: int | None = None
) -> tuple[Transformer, Tokenizer]:
    """Load any model folder and its tokenizer: single-file Sancai folders in fp32, others in bf16 or as quantised.

    The arguments and what is raised are those of `load_official`.
    """
    if keeps_stored_dtype(folder):
        tokenizer = load_tokenizer(folder, read_config(folder))
        return load_official(folder, on_progress=on_progress, device_free=device_free), tokenizer
    needed = wide_bytes(folder)
    check_memory(folder, needed + file_bytes(folder))
    if device_free is not None:
        check_memory(folder, needed, device_free, "the device")
    return load_model(folder)


def loaded_bytes(
    weights: OfficialWeights, matrices: AbstractSet[str], dtype: torch.dtype, *, dequantize: bool = False
) -> int:
    """Return the memory that `load_official` fills, by the headers of the files.

    matrices: names of the parameters that take `dtype`, or stay quantised where they are stored so.
    """
    return sum(
        _part_bytes(weights, part, meta, dtype if name in matrices else meta.dtype, dequantize or name == EMBEDDING)
        for name, parts in weights.parts.items()
        for part, meta in parts
    )


def _part_bytes(
    weights: OfficialWeights, part: str, meta: Tensor, dtype: torch.dtype, dequantize: bool
) -> int:  # fmt: skip
    is_packed = weights.format_of(part) != "plain" and not dequantize
    return weights.stored_bytes(part) if is_packed else meta.numel() * dtype.itemsize


def packed_destination(weights: OfficialWeights, name: str) -> Destination | None:
    """Allocate a parameter in its quantised format; None if it is not quantised or its parts differ."""
    parts = [official for official, _ in weights.parts[name]]
    formats = {weights.format_of(p) for p in parts}
    if "plain" in formats or len(formats) > 1:
        return None
    shards, (stored,) = weights.shards, formats
    scale_types = {SCALE_TYPES[shards.element(scale_name(p))] for p in parts}
    if len(scale_types) > 1:
        return None
    stack = (len(parts),) if weights.is_stacked(name) else ()
    values = torch.empty((*stack, *shards.shape(parts[0])), dtype=VALUE_TYPES[stored], device="cpu")
    scales = torch.empty((*stack, *shards.shape(scale_name(parts[0]))), dtype=scale_types.pop(), device="cpu")
    both = zip(parts, _parts(values, stack), _parts(scales, stack), strict=True)
    return Destination(values, scales, tuple(TensorView(*trio) for trio in both))


def plain_destination(weights: OfficialWeights, name: str, dtype: torch.dtype) -> Destination:
    """Allocate a parameter in `dtype`; integers are int64."""
    parts = weights.parts[name]
    stack = (len(parts),) if weights.is_stacked(name) else ()
    kind = dtype if parts[0][1].is_floating_point() else torch.int64
    values = torch.empty((*stack, *parts[0][1].shape), dtype=kind, device="cpu")
    return Destination(
        values, None, tuple(TensorView(p, n) for (p, _), n in zip(parts, _parts(values, stack), strict=True))
    )


def fill(weights: OfficialWeights, views: Iterable[TensorView], on_progress: ProgressCallback) -> None:
    """Read the tensor of every view, file by file."""
    files: dict[str, list[TensorView]] = defaultdict(list)
    for view in views:
        files[weights.shards.files[view.name]].append(view)
    done, lock = 0, threading.Lock()

    def load(view: TensorView) -> None:
        nonlocal done
        size = _load(weights, view)
        with lock:
            done += size
            on_progress(done)

    for _, group in sorted(files.items()):
        with ThreadPoolExecutor(READERS) as pool:
            jobs = [pool.submit(load, view) for view in group]
            try:
                for job in jobs:
                    job.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise


def _load(weights: OfficialWeights, view: TensorView) -> int:
    """Read one tensor into its view; return the bytes read."""
    values, scale = weights.fetch(view.name)
    size = values.nbytes + (0 if scale is None else scale.nbytes)
    if view.scales is not None and scale is not None:
        view.values.copy_(values)
        view.scales.copy_(scale)
    else:
        view.values.copy_(values if scale is None else unpack(values, scale, view.values.dtype))
    return size


def _parts(tensor: Tensor, stack: tuple[int, ...]) -> tuple[Tensor, ...]:
    return tensor.unbind() if stack else (tensor,)


def _matrices(model: Transformer) -> set[str]:
    """Return the names of the matrices that layers cast to the dtype of their input, and of the embedding."""
    names = {EMBEDDING}
    for prefix, module in model.named_modules():
        if isinstance(module, Linear) and prefix != "head":
            names.add(f"{prefix}.weight")
        elif isinstance(module, Experts):
            names |= {f"{prefix}.{w}" for w in ("w1", "w2", "w3")}
    return names


def _put(model: nn.Module, name: str, tensor: Tensor) -> None:
    """Set a parameter or buffer of a model on the meta device."""
    prefix, _, leaf = name.rpartition(".")
    module = model.get_submodule(prefix)
    if leaf in module._parameters:
        is_trainable = tensor.is_floating_point() and tensor.itemsize > 1
        module._parameters[leaf] = nn.Parameter(tensor, requires_grad=is_trainable)
    else:
        module._buffers[leaf] = tensor
