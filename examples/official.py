"""Write a small random DeepSeek-V4 in DeepSeek's own files, load it back in bf16, fp8 and fp4, and compare.

    python examples/official.py

A real checkpoint loads the same way: `sancai.load("path/to/DeepSeek-V4-Flash")`.
"""

import pathlib
import tempfile

import torch

from sancai.checkpoint import load_official, save_official
from sancai.model import ModelConfig, Transformer
from sancai.sequence import Text, pack

config = ModelConfig(
    vocab_size=256, hidden_size=64, num_hidden_layers=4, compress_ratios=(0, 4, 8, 4, 0), head_dim=32,
    q_lora_rank=32, o_groups=2, o_lora_rank=32, sliding_window=8, index_topk=3, index_head_dim=16,
    n_routed_experts=4, moe_intermediate_size=32, visual=None,
)  # fmt: skip
torch.manual_seed(1)
model = Transformer(config, seed=1).eval()
with torch.no_grad():
    for parameter in model.parameters():  # fresh models keep some projections at zero: disturb everything
        parameter.add_(torch.randn_like(parameter) * 0.05)


@torch.no_grad()
def logits(one: Transformer) -> torch.Tensor:
    """Return the logits (1, T, V) of forty tokens."""
    hidden = one(pack([[[Text(ids=list(range(40)))]]])).hidden
    return one.logits(hidden)


expected = logits(model)
for weight_format in ("bf16", "fp8", "fp4"):
    with tempfile.TemporaryDirectory() as folder:
        save_official(pathlib.Path(folder), config, model.state_dict(), weight_format)
        loaded = load_official(pathlib.Path(folder), torch.float32)
        size = sum(path.stat().st_size for path in pathlib.Path(folder).iterdir())
    error = (logits(loaded) - expected).norm() / expected.norm()
    print(f"{weight_format}: {size / 1024:.0f} KiB, relative error of logits {error:.4f}")
