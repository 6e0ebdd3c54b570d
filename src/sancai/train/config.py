"""Settings of a training run."""

from dataclasses import dataclass, field
from typing import Literal

from sancai.data.dataset import DatasetConfig
from sancai.errors import ConfigError
from sancai.model import ModelConfig
from sancai.train.optimizer import OptimizerConfig


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """Weights of the loss terms."""

    text: float = 0.5
    mtp: float = 0.1
    balance: float = 1e-4
    indexer: float = 0.05
    kind: Literal["v", "x"] = "v"
    """Compare velocities or clean latents."""
    min_text_tokens: int = 512
    """A step with fewer learnt text tokens weighs each as if it had so many: a handful would outweigh pictures."""
    outer_share: float = 1.0
    """Share of the outer patches (clear in most frames) that each noisy frame keeps, chosen at random; 1 keeps all."""
    bias_step: float = 2e-3
    """How fast routing biases follow the load."""


@dataclass(frozen=True)
class Share:
    """How often a task comes: so many rows at every so many steps, first at step `offset`.

    A row holds one document or, with `tokens`, as many as fill it to about that number of tokens.
    """

    rows: int
    every: int = 1
    offset: int = 0
    tokens: int | None = None
    """Token budget of a row, text and visual tokens together."""

    def __post_init__(self) -> None:
        if self.rows < 1 or self.every < 1 or not 0 <= self.offset < self.every:
            raise ConfigError(
                f"a share needs rows ≥ 1, every ≥ 1 and 0 ≤ offset < every; got rows {self.rows}, "
                f"every {self.every}, offset {self.offset}"
            )
        if self.tokens is not None and self.tokens < 1:
            raise ConfigError(f"a share's token budget is {self.tokens}; expected at least 1, or None")

    def is_due(self, step: int) -> bool:
        """Return whether a step holds the task."""
        return step % self.every == self.offset


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One run."""

    name: str = "run"
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DatasetConfig
    """What to train on."""
    mixture: dict[str, Share]
    """Tasks of the data set, and how often each comes."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    steps: int = 100
    warmup_steps: int = 20
    decay_share: float = 0.4
    """Last part of the run in which rates fall to zero."""
    ema: float = 0.995
    device: str = "cpu"
    """Device to train on: `cpu`, `auto`, a chip's key or a device type, with :1 for the second of several."""
    dtype: Literal["float32", "bfloat16"] = "bfloat16"
    shard: bool = False
    """Cut weights, gradients and optimizer over the ranks instead of keeping all on each."""
    compile: bool = False
    """Join small operations with torch.compile; needs a C++ compiler on a CPU."""
    seed: int = 0
    start_from: str | None = None
    """Model folder, or folder of an earlier run, whose (averaged) weights and tokenizer a new run starts with; a model
    without a visual half gets a fresh one where `model.visual` asks for it."""
    prefetch: bool = True
    """Prepare the next step's batches in a thread while a step computes; results are the same."""
    measure_limit: bool = True
    """Measure at the start how fast this machine multiplies matrices, to tell how much of that the run reaches."""
    price_per_hour: float = 0.0
    """What an hour of this machine costs, in any currency, for the ledger; 0 leaves money out."""
    log_every: int = 10
    save_every: int = 100
    sample_every: int = 0
    """Steps between sample sheets; 0 draws none."""
    sample_prompts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        tasks = self.data.tasks
        unknown = sorted(set(self.mixture) - set(tasks))
        if unknown:
            raise ConfigError(f"mixture names unknown tasks {unknown}; expected some of {', '.join(tasks)}")
        if not any(share.every == 1 for share in self.mixture.values()):
            raise ConfigError("mixture must name at least one task that comes at every step, e.g. {'image': Share(8)}")
        if self.steps < 1:
            raise ConfigError(f"steps must be at least 1, got {self.steps}")

    def lr_factor(self, step: int) -> float:
        """Return the factor of the learning rates at a step: linear warm-up, constant, linear decay to zero."""
        decay_from = self.steps * (1 - self.decay_share)
        warm = min(1.0, (step + 1) / max(self.warmup_steps, 1))
        cool = min(1.0, (self.steps - step) / max(self.steps - decay_from, 1))
        return warm * cool
