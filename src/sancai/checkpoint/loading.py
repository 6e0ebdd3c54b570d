"""DeepSeek's own folders → a Transformer, every tensor straight to its place in memory, several at a time.

Each file is finished before the next is opened, so that beside the model at most one file's pages are held.
"""

import pathlib
import threading
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sancai.checkpoint.folder import load_model, load_tokenizer
from sancai.checkpoint.names import scale_name
from sancai.checkpoint.official import OfficialWeights, keeps_stored_dtype, read_config
from sancai.checkpoint.shards import ProgressCallback, Shards, no_progress
from sancai.model import Experts, Linear, Transformer
from sancai.ops.quantisation import unpack
from sancai.tokenizer import Tokenizer

READERS = 4
"""Threads that read; they mostly wait for the disk."""
SCALE_TYPES = {
    "F8_E8M0": torch.float8_e8m0fnu, "U8": torch.float8_e8m0fnu, "F32": torch.float32, "BF16": torch.bfloat16,
}  # fmt: skip
EMBEDDING = "embed.weight"
NUMBER_TYPES = {"fp8": torch.float8_e4m3fn, "fp4": torch.int8}


@dataclass(frozen=True)
class TensorView:
    """Where one official tensor goes: as stored, numbers and scales apart, or unpacked (no place for scales)."""

    name: str
    numbers: Tensor
    scales: Tensor | None = None


@dataclass(frozen=True)
class Destination:
    """Memory for one of our tensors, and the places of its official parts in it."""

    numbers: Tensor
    scales: Tensor | None
    places: tuple[TensorView, ...]


def load_official(
    folder: pathlib.Path,
    dtype: torch.dtype = torch.bfloat16,
    *,
    dequantize: bool = False,
    on_progress: ProgressCallback = no_progress,
) -> Transformer:
    """Load a DeepSeek-V4 folder: matrices as they are stored or in `dtype`, what DeepSeek keeps wide in fp32.

    expand: unpack fp8 and fp4 once instead of at every use: faster, and up to four times the memory.
    tell: called with the bytes read so far, from several threads one at a time.

    Raises:
        CheckpointError: another architecture, or tensors that do not fit; all of them are named.
    """
    config = read_config(folder)
    with torch.device("meta"):
        model = Transformer(config, seed=None)
    with Shards(folder) as shards:
        weights = OfficialWeights(shards, model.state_dict())
        narrow, places = _matrices(model), list[TensorView]()
        for name in weights.parts:
            can_pack = name in narrow and name != EMBEDDING and not dequantize
            room = packed_destination(weights, name) if can_pack else None
            room = room or plain_destination(weights, name, dtype if name in narrow else torch.float32)
            _put(model, name, room.numbers)
            if room.scales is not None:
                _put(model, scale_name(name) if name.endswith("weight") else f"{name}_scale", room.scales)
            places += room.places
        fill(weights, places, on_progress)
    model.compute_dtype = dtype
    return model.eval()


def open_model(folder: pathlib.Path, on_progress: ProgressCallback = no_progress) -> tuple[Transformer, Tokenizer]:
    """Load any model folder with its tokenizer: ours of one file in fp32, all others in bf16 or as they are packed."""
    if keeps_stored_dtype(folder):
        tokenizer = load_tokenizer(folder, read_config(folder))
        return load_official(folder, on_progress=on_progress), tokenizer
    return load_model(folder)


def packed_destination(weights: OfficialWeights, name: str) -> Destination | None:
    """Return memory for one of our tensors as it is stored; None if it is stored plain or in several forms."""
    parts = [official for official, _ in weights.parts[name]]
    forms = {weights.form(p) for p in parts}
    if "plain" in forms or len(forms) > 1:
        return None
    shards, (form,) = weights.shards, forms
    kinds = {SCALE_TYPES[shards.element(scale_name(p))] for p in parts}
    if len(kinds) > 1:
        return None
    stack = (len(parts),) if weights.is_stacked(name) else ()
    numbers = torch.empty((*stack, *shards.shape(parts[0])), dtype=NUMBER_TYPES[form], device="cpu")
    scales = torch.empty((*stack, *shards.shape(scale_name(parts[0]))), dtype=kinds.pop(), device="cpu")
    both = zip(parts, _parts(numbers, stack), _parts(scales, stack), strict=True)
    return Destination(numbers, scales, tuple(TensorView(*trio) for trio in both))


def plain_destination(weights: OfficialWeights, name: str, dtype: torch.dtype) -> Destination:
    """Return memory for one of our tensors in `dtype`; whole numbers stay int64."""
    parts = weights.parts[name]
    stack = (len(parts),) if weights.is_stacked(name) else ()
    kind = dtype if parts[0][1].is_floating_point() else torch.int64
    numbers = torch.empty((*stack, *parts[0][1].shape), dtype=kind, device="cpu")
    return Destination(
        numbers, None, tuple(TensorView(p, n) for (p, _), n in zip(parts, _parts(numbers, stack), strict=True))
    )


def fill(weights: OfficialWeights, places: Iterable[TensorView], on_progress: ProgressCallback) -> None:
    """Read every place's tensor; `tell` hears the bytes read so far."""
    files: dict[str, list[TensorView]] = defaultdict(list)
    for place in places:
        files[weights.shards.files[place.name]].append(place)
    done, lock = 0, threading.Lock()

    def load(place: TensorView) -> None:
        nonlocal done
        size = _load(weights, place)
        with lock:
            done += size
            on_progress(done)

    for _, group in sorted(files.items()):
        with ThreadPoolExecutor(READERS) as pool:
            jobs = [pool.submit(load, place) for place in group]
            try:
                for job in jobs:
                    job.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise


def _load(weights: OfficialWeights, place: TensorView) -> int:
    """Read one tensor to its place; return the bytes read."""
    numbers, scale = weights.fetch(place.name)
    size = numbers.nbytes + (0 if scale is None else scale.nbytes)
    if place.scales is not None and scale is not None:
        place.numbers.copy_(numbers)
        place.scales.copy_(scale)
    else:
        place.numbers.copy_(numbers if scale is None else unpack(numbers, scale, place.numbers.dtype))
    return size


def _parts(tensor: Tensor, stack: tuple[int, ...]) -> tuple[Tensor, ...]:
    return tensor.unbind() if stack else (tensor,)


def _matrices(model: Transformer) -> set[str]:
    """Return the names of the tensors that layers cast to the dtype of their input: the bulk of a model."""
    names = {EMBEDDING}
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
