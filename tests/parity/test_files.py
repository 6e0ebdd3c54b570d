"""Files that others wrote load here, files written here load there, and logits agree."""

import dataclasses
import pathlib

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import DeepseekV4ForCausalLM

from builders import random_model, small_config
from reference import reference_model
from sancai.checkpoint.conversion import save_official
from sancai.checkpoint.loading import load_official
from sancai.model import ModelConfig, Transformer
from sancai.sequence import Text, pack

LENGTH = 150
STOCK = small_config(
    visual=None, compress_ratios=(0, 4, 128, 4), num_nextn_predict_layers=0, sliding_window=128, hidden_size=64,
    head_dim=32, q_lora_rank=32, o_lora_rank=32, moe_intermediate_size=32, index_head_dim=16,
)  # fmt: skip
"""transformers reads DeepSeek's config.json only with ratios of 0, 4 and 128."""

WHOLE_BLOCKS = dataclasses.replace(STOCK, hidden_size=128, q_lora_rank=128, o_lora_rank=128, moe_intermediate_size=128)
"""Matrices of whole fp8 blocks."""


@pytest.fixture(scope="module")
def ids() -> torch.Tensor:
    return torch.randint(0, 64, (1, LENGTH), generator=torch.Generator().manual_seed(3))


@torch.no_grad()
def logits(model: Transformer, ids: torch.Tensor) -> torch.Tensor:
    hidden = model(pack([[[Text(ids=ids[0].tolist())]]])).hidden
    assert hidden is not None
    return model.logits(hidden)


@torch.no_grad()
def reference_logits(model: DeepseekV4ForCausalLM, ids: torch.Tensor) -> torch.Tensor:
    return model(ids).logits


def test_what_transformers_saved_loads_here(tmp_path: pathlib.Path, ids: torch.Tensor) -> None:
    config = small_config(visual=None)
    reference = reference_model(random_model(config, seed=4))
    reference.save_pretrained(tmp_path)
    ours = load_official(tmp_path, torch.float32)
    assert ours.config.num_nextn_predict_layers == 0 and ours.config.compress_ratios == config.compress_ratios[:-1]
    assert float((logits(ours, ids) - reference_logits(reference, ids)).abs().max()) <= 1e-4


def test_what_is_saved_here_loads_in_transformers(tmp_path: pathlib.Path, ids: torch.Tensor) -> None:
    save_official(tmp_path, STOCK, random_model(STOCK, seed=5).state_dict(), "bf16")
    reference = DeepseekV4ForCausalLM.from_pretrained(tmp_path, dtype=torch.float32, attn_implementation="eager").eval()
    ours = load_official(tmp_path, torch.float32)
    assert float((logits(ours, ids) - reference_logits(reference, ids)).abs().max()) <= 1e-4


@pytest.mark.parametrize("storage", ["fp8", "fp4"])
def test_quantised_files_compute_what_their_numbers_say(
    tmp_path: pathlib.Path, ids: torch.Tensor, storage: str
) -> None:
    config: ModelConfig = STOCK
    save_official(tmp_path, config, random_model(config, seed=6).state_dict(), storage)
    ours, expanded = (load_official(tmp_path, torch.float32, dequantize=e) for e in (False, True))
    reference = reference_model(expanded)
    assert float((logits(ours, ids) - reference_logits(reference, ids)).abs().max()) <= 1e-4


@pytest.mark.parametrize("storage", ["fp8", "fp4"])
def test_transformers_opens_quantised_files_that_were_written_here(
    tmp_path: pathlib.Path, ids: torch.Tensor, storage: str
) -> None:
    save_official(tmp_path, WHOLE_BLOCKS, random_model(WHOLE_BLOCKS, seed=6).state_dict(), storage)
    assert _difference(tmp_path, ids) <= 1e-4


def test_fine_grained_fp8_files_load_here_as_in_transformers(tmp_path: pathlib.Path, ids: torch.Tensor) -> None:
    """As transformers stores fp8: fp32 scales called `weight_scale_inv`, layers under `model.`."""
    save_official(tmp_path, WHOLE_BLOCKS, random_model(WHOLE_BLOCKS, seed=8).state_dict(), "fp8")
    (tmp_path / "model.safetensors.index.json").unlink()
    (file,) = tmp_path.glob("*.safetensors")
    scales = {n: t.float() for n, t in load_file(file).items() if n.endswith(".scale")}
    rest = {n: t for n, t in load_file(file).items() if n not in scales}
    renamed = {n.removesuffix("scale") + "weight_scale_inv": t for n, t in scales.items()} | rest
    file.unlink()
    named = {f"model.{n}" if n.startswith("layers.") else n: t for n, t in renamed.items()}
    save_file(named, tmp_path / "model.safetensors", metadata={"format": "pt"})
    assert sum(n.endswith("weight_scale_inv") for n in named) > 50
    assert _difference(tmp_path, ids) <= 1e-4


def _difference(folder: pathlib.Path, ids: torch.Tensor) -> float:
    """Return how far the logits of one folder lie apart, opened here and by transformers, which unpacks on a CPU."""
    reference = DeepseekV4ForCausalLM.from_pretrained(folder, attn_implementation="eager").float().eval()
    return float((logits(load_official(folder, torch.float32), ids) - reference_logits(reference, ids)).abs().max())
