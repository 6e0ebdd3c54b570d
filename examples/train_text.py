"""Train a tiny language model on your own text, then let it write.

    python examples/train_text.py FOLDER STEPS

FOLDER holds `.txt` or `.jsonl` files.  A few thousand lines and 300 steps give words, not sense.
"""

import pathlib
import sys

import sancai
from sancai.data.text import TextConfig
from sancai.model import ModelConfig
from sancai.train import OptimizerConfig, Share, TrainConfig, start

folder = sys.argv[1] if len(sys.argv) > 1 else "texts"
steps = int(sys.argv[2]) if len(sys.argv) > 2 else 300

config = TrainConfig(
    name="own-text",
    model=ModelConfig(
        vocab_size=1024, hidden_size=64, num_hidden_layers=4, compress_ratios=(0, 4, 8, 4, 0), num_attention_heads=4,
        head_dim=32, qk_rope_head_dim=16, q_lora_rank=32, o_groups=2, o_lora_rank=32, sliding_window=16,
        index_n_heads=16, index_head_dim=16, index_topk=8, n_routed_experts=4, num_experts_per_tok=2,
        moe_intermediate_size=32, num_hash_layers=1, hc_mult=2, hc_sinkhorn_iters=6, visual=None,
    ),
    data=TextConfig(folder=folder),
    mixture={"text": Share(4, tokens=256)},
    optimizer=OptimizerConfig(lr=6e-3, adamw_lr=4e-3),
    steps=steps,
    warmup_steps=max(steps // 20, 1),
    dtype="float32",
)  # fmt: skip
run = start(config, pathlib.Path("runs/own-text"))
run.train(callbacks=[lambda step, report, run: print(f"step {step}: {report['loss/text']:.3f}")])

model = sancai.load(run.folder / "model")
print(model.chat("one", max_tokens=20, temperature=0.8).text)
