"""Sancai's model folders: `config.json`, `model.safetensors`, `tokenizer.json` and a model card.

Weights load strictly: one error lists every missing, unexpected or misshapen tensor.
"""

import json
import pathlib
from collections.abc import Mapping

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from sancai.checkpoint.layout import fp32_names
from sancai.checkpoint.names import from_official, scale_name, to_official
from sancai.checkpoint.official import CONFIG, mismatch_error, read_config
from sancai.checkpoint.shards import refuse_pointer
from sancai.errors import CapacityError, CheckpointError, first_line, is_out_of_memory
from sancai.files import atomic_write
from sancai.model import ModelConfig, Transformer
from sancai.ops.quantisation import unpack
from sancai.tokenizer import Tokenizer

WEIGHTS, TOKENIZER = "model.safetensors", "tokenizer.json"


def save_model(
    folder: pathlib.Path, config: ModelConfig, weights: Mapping[str, Tensor], tokenizer: Tokenizer,
    dtype: torch.dtype = torch.bfloat16,
) -> None:  # fmt: skip
    """Write a model folder; the weight file is written atomically."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(json.dumps(config.to_dict(), indent=2) + "\n", encoding="utf-8")
    tokenizer.save(folder / TOKENIZER)
    fp32 = fp32_names(config)
    official = _dequantised(to_official(weights))
    stored = {n: _stored(t, torch.float32 if n in fp32 else dtype) for n, t in official.items()}
    with atomic_write(folder / WEIGHTS) as partial:
        save_file(stored, partial, metadata={"format": "pt"})
        partial.chmod(0o644)


def _dequantised(named: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights with quantised ones dequantised."""
    scales = {n: scale_name(n) for n in named if n.endswith(".weight") and scale_name(n) in named}
    rest = {n: t for n, t in named.items() if n not in scales.values()}
    return {n: unpack(t, named[scales[n]], torch.float32) if n in scales else t for n, t in rest.items()}


def _stored(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor.detach().to("cpu", dtype if tensor.is_floating_point() else tensor.dtype).contiguous().clone()


def load_model(folder: pathlib.Path) -> tuple[Transformer, Tokenizer]:
    """Load a Sancai folder: a Transformer with fp32 weights, and its tokenizer."""
    config = read_config(folder)
    tokenizer = load_tokenizer(folder, config)
    model = Transformer(config, seed=None)
    load_weights(model, read_weights(folder / WEIGHTS), folder / WEIGHTS)
    return model.eval(), tokenizer


def load_tokenizer(folder: pathlib.Path, config: ModelConfig) -> Tokenizer:
    """Load the tokenizer of a folder.

    Raises:
        CheckpointError: it has more tokens than the model.
    """
    tokenizer = Tokenizer.load(folder / TOKENIZER)
    if tokenizer.vocab_size > config.vocab_size:
        raise CheckpointError(
            f"the tokenizer in {folder} has {tokenizer.vocab_size} tokens, the model {config.vocab_size}; "
            "take both from the same release"
        )
    return tokenizer


def read_weights(path: pathlib.Path) -> dict[str, Tensor]:
    """Read a safetensors file; return its tensors under our names."""
    if not path.is_file():
        raise CheckpointError(f"no weights at {path}; a model folder holds {CONFIG}, {WEIGHTS} and {TOKENIZER}")
    refuse_pointer(path)
    try:
        return from_official(load_file(path))
    except (SafetensorError, OSError, RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            raise CapacityError(f"not enough memory to read {path} ({first_line(error)})") from error
        raise CheckpointError(f"{path} is not a readable safetensors file ({error}); fetch it again") from error


def load_weights(model: Transformer, weights: Mapping[str, Tensor], source: object) -> None:
    """Copy weights into a model, in place.

    Raises:
        CheckpointError: tensors that do not fit; all of them are listed.
    """
    own = model.state_dict()
    problems = [f"missing {n}" for n in own if n not in weights]
    problems += [f"unexpected {n}" for n in weights if n not in own]
    for name, tensor in weights.items():
        if name in own and tensor.shape != own[name].shape:
            problems.append(f"{name} has shape {list(tensor.shape)}, expected {list(own[name].shape)}")
        elif name in own and tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            problems.append(f"{name} holds numbers that are not finite")
    if problems:
        raise mismatch_error(source, problems)
    with torch.no_grad():
        for name, tensor in weights.items():
            own[name].copy_(tensor)
