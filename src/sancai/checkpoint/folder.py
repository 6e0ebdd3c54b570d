"""Model folders: `config.json`, `model.safetensors`, `tokenizer.json` (and, for people, a card).

Weights load strictly: every missing, unexpected or misshapen tensor is named in one error.
"""

import json
import pathlib
from collections.abc import Mapping

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from sancai.checkpoint.names import from_official, scale_name, to_official
from sancai.errors import CheckpointError
from sancai.files import atomic_write
from sancai.model import ModelConfig, Transformer, fp32_tensors
from sancai.ops.quantisation import unpack
from sancai.tokenizer import Tokenizer

CONFIG, WEIGHTS, TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"


def save_model(
    folder: pathlib.Path, config: ModelConfig, weights: Mapping[str, Tensor], tokenizer: Tokenizer,
    dtype: torch.dtype = torch.bfloat16,
) -> None:  # fmt: skip
    """Write a model folder; a reader never sees a half-written weight file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(json.dumps(config.to_dict(), indent=2) + "\n", encoding="utf-8")
    tokenizer.save(folder / TOKENIZER)
    fp32 = fp32_names(config)
    stored = {n: _stored(t, torch.float32 if n in fp32 else dtype) for n, t in _unpacked(to_official(weights)).items()}
    with atomic_write(folder / WEIGHTS) as partial:
        save_file(stored, partial, metadata={"format": "pt"})
        partial.chmod(0o644)


def _unpacked(named: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights without packed ones: our folders hold plain numbers."""
    scales = {n: scale_name(n) for n in named if n.endswith(".weight") and scale_name(n) in named}
    rest = {n: t for n, t in named.items() if n not in scales.values()}
    return {n: unpack(t, named[scales[n]], torch.float32) if n in scales else t for n, t in rest.items()}


def fp32_names(config: ModelConfig) -> set[str]:
    """Return the official names of the small tensors that stay fp32, as in DeepSeek's own files."""
    with torch.device("meta"):
        model = Transformer(config, seed=None)
    state = model.state_dict()
    return set(to_official({name: state[name] for name in fp32_tensors(model)}))


def _stored(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor.detach().to("cpu", dtype if tensor.is_floating_point() else tensor.dtype).contiguous().clone()


def load_config(folder: pathlib.Path) -> ModelConfig:
    """Read the architecture of a model folder."""
    path = folder / CONFIG
    if not path.is_file():
        raise CheckpointError(f"no model in {folder}: {CONFIG} is missing; name a folder with {CONFIG} and {WEIGHTS}")
    try:
        return ModelConfig.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{path} does not describe a model ({error}); fetch it again") from error


def load_model(folder: pathlib.Path) -> tuple[Transformer, Tokenizer]:
    """Read one of our model folders into a Transformer with fp32 weights and its tokenizer."""
    config = load_config(folder)
    tokenizer = load_tokenizer(folder, config)
    model = Transformer(config, seed=None)
    load_weights(model, read_weights(folder / WEIGHTS), folder / WEIGHTS)
    return model.eval(), tokenizer


def load_tokenizer(folder: pathlib.Path, config: ModelConfig) -> Tokenizer:
    """Read the tokenizer of a folder; it may not know more tokens than the model."""
    tokenizer = Tokenizer.load(folder / TOKENIZER)
    if tokenizer.vocab_size > config.vocab_size:
        raise CheckpointError(
            f"the tokenizer in {folder} has {tokenizer.vocab_size} tokens, the model {config.vocab_size}; "
            "take both from the same release"
        )
    return tokenizer


def read_weights(path: pathlib.Path) -> dict[str, Tensor]:
    """Read a safetensors file under our names."""
    if not path.is_file():
        raise CheckpointError(f"no weights at {path}; a model folder holds {CONFIG}, {WEIGHTS} and {TOKENIZER}")
    try:
        return from_official(load_file(path))
    except (SafetensorError, OSError, RuntimeError) as error:
        raise CheckpointError(f"{path} is not a readable safetensors file ({error}); fetch it again") from error


def load_weights(model: Transformer, weights: Mapping[str, Tensor], source: object) -> None:
    """Fill a model in place; all that does not fit is listed in one error."""
    own = model.state_dict()
    problems = [f"missing {n}" for n in own if n not in weights]
    problems += [f"unexpected {n}" for n in weights if n not in own]
    for name, tensor in weights.items():
        if name in own and tensor.shape != own[name].shape:
            problems.append(f"{name} has shape {list(tensor.shape)}, expected {list(own[name].shape)}")
        elif name in own and tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            problems.append(f"{name} holds numbers that are not finite")
    if problems:
        shown = "\n  ".join(problems[:20])
        more = f"\n  … and {len(problems) - 20} more" if len(problems) > 20 else ""
        raise CheckpointError(
            f"the weights in {source} do not fit the model:\n  {shown}{more}\n"
            "fetch them again, or take the matching config.json"
        )
    model.load_state_dict({n: t.to(own[n].dtype) for n, t in weights.items()})
