"""Mutation check: break the code in one place at a time and see whether the tests notice.

    python scripts/mutate.py              # all mutations, each with the tests that should catch it
    python scripts/mutate.py momentum     # those whose name contains a word

Every mutation runs in a copy of the tracked files.  Prints a table; exits with 1 if a mutation survived.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Mutation:
    """One change of the code.  before, after: text of `file`, where `before` occurs once.  tests: paths for pytest."""

    name: str
    file: str
    before: str
    after: str
    tests: tuple[str, ...]


FLOW = ("tests/unit/test_flow.py",)
DENOISING = ("tests/unit/test_denoising.py",)
OPTIMIZER = ("tests/unit/test_optimizer.py",)
MUTATIONS = (
    Mutation(
        "multistep sampler of first order", "src/sancai/flow/sampler.py",
        "min(0.5 * (step / state.step), 0.5)", "0.0", FLOW,
    ),
    Mutation(
        "guidance never ends", "src/sancai/engine/denoising.py",
        "self.sampling.guidance if sigma >= self.sampling.guided_above else 1.0", "self.sampling.guidance", DENOISING,
    ),
    Mutation(
        "clips with the shift of pictures", "src/sancai/engine/denoising.py",
        "sampling.shift if block.shape[0] == 1 else sampling.clip_shift", "sampling.shift", DENOISING,
    ),
    Mutation(
        "guidance not bounded", "src/sancai/engine/denoising.py",
        "guided if bound is None else guided.clamp(-bound, bound)", "guided", DENOISING,
    ),
    Mutation(
        "temperature ignored", "src/sancai/engine/token_sampler.py",
        "logits.float()) / temperature", "logits.float())", DENOISING,
    ),
    Mutation(
        "routing bias moves with the load", "src/sancai/train/trainer.py",
        "(share.mean() - share).sign()", "(share - share.mean()).sign()", OPTIMIZER,
    ),
    Mutation(
        "average of weights frozen", "src/sancai/train/trainer.py",
        "return 1 - min(self.config.ema, (1 + number) / (10 + number))", "return 0.0", OPTIMIZER,
    ),
    Mutation(
        "Muon without weight decay", "src/sancai/ops/muon.py",
        "1 - rates.rate * rates.decay", "1.0", (*OPTIMIZER, "tests/parity/test_native.py"),
    ),
    Mutation(
        "Muon without Newton-Schulz", "src/sancai/ops/muon.py", "for _ in range(steps)", "for _ in range(0)", OPTIMIZER,
    ),
    Mutation(
        "looks never left out", "src/sancai/data/characters/dataset.py",
        "rng.random() < self.config.drop_look", "rng.random() < 0", ("tests/unit/test_characters.py",),
    ),
    Mutation(
        "no warm-up", "src/sancai/train/config.py",
        "min(1.0, (step + 1) / max(self.warmup_steps, 1))", "1.0", OPTIMIZER,
    ),
    Mutation("no decay of rates", "src/sancai/train/config.py", "return warm * cool", "return warm", OPTIMIZER),
    Mutation(
        "noise the same in every block", "src/sancai/engine/drawing.py",
        "[seed + number for seed in self.seeds]", "list(self.seeds)", ("tests/unit/test_drawing_blocks.py",),
    ),
    Mutation(
        "finished blocks not remembered", "src/sancai/engine/drawing.py",
        "self._cache = self.runner.append(self._cache, rows * (self._cache.batch // len(rows)))", "pass",
        ("tests/unit/test_drawing_blocks.py",),
    ),
    Mutation(
        "kept outer patches weigh as inner ones", "src/sancai/train/outer.py",
        "int(self.places.sum()) / self.kept", "1.0", ("tests/unit/test_outer.py",),
    ),
)  # fmt: skip


def run(mutation: Mutation) -> tuple[bool, float]:
    """Return whether the tests fail on a mutation, and the seconds that they took."""
    with tempfile.TemporaryDirectory() as name:
        tree = pathlib.Path(name)
        copy_tracked(tree)
        path = tree / mutation.file
        text = path.read_text(encoding="utf-8")
        if text.count(mutation.before) != 1:
            raise SystemExit(f"{mutation.name}: {mutation.before!r} occurs {text.count(mutation.before)} times")
        path.write_text(text.replace(mutation.before, mutation.after), encoding="utf-8")
        started = time.monotonic()
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *mutation.tests]
        environment = os.environ | {"PYTHONPATH": str(tree / "src")}
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)
        if done.returncode not in (0, 1):
            raise SystemExit(f"{mutation.name}: pytest did not run\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.returncode == 1, time.monotonic() - started


def copy_tracked(tree: pathlib.Path) -> None:
    """Copy the files that git tracks."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)


def main() -> None:
    words = sys.argv[1:]
    chosen = [m for m in MUTATIONS if not words or any(word in m.name for word in words)]
    survivors = 0
    for mutation in chosen:
        caught, seconds = run(mutation)
        survivors += not caught
        print(
            f"{'caught  ' if caught else 'SURVIVED'}  {mutation.name:<42} {seconds:5.0f} s  {mutation.file}", flush=True
        )
    print(f"{len(chosen) - survivors} of {len(chosen)} caught")
    sys.exit(survivors > 0)


if __name__ == "__main__":
    main()
