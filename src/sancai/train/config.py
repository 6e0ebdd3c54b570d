"""Settings of a training run."""

from dataclasses import dataclass, field
from typing import Literal

from sancai.data.characters.samples import TASKS, SampleConfig
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
    shift: float = 3.0
    """How far training noise levels lean towards noise."""
    clip_shift: float = 8.0
    """The same for clips, which hold more numbers that say the same."""
    least_text: int = 512
    """A step with fewer learnt text tokens weighs each as if it had so many: a handful would outweigh pictures."""
    outer_share: float = 1.0
    """Share of the outer patches (clear in most frames) that each noisy frame keeps, chosen at random; 1 keeps all."""
    bias_step: float = 2e-3
    """How fast routing biases follow the load."""


@dataclass(frozen=True)
class Share:
    """How often a task comes: so many rows at every so many steps, first at step `offset`."""

    rows: int
    every: int = 1
    offset: int = 0

    def __post_init__(self) -> None:
        if self.rows < 1 or self.every < 1 or not 0 <= self.offset < self.every:
            raise ConfigError(
                f"a share needs rows ≥ 1, every ≥ 1 and 0 ≤ offset < every; got rows {self.rows}, "
                f"every {self.every}, offset {self.offset}"
            )

    def rows_at(self, step: int) -> int:
        """Return the rows of a step."""
        return self.rows if step % self.every == self.offset else 0


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One run.  `mixture` says which tasks a step holds."""

    name: str = "run"
    model: ModelConfig = field(default_factory=ModelConfig)
    pack: str = "synthetic"
    """`synthetic`, or the folder of a character pack."""
    mixture: dict[str, Share] = field(default_factory=lambda: {"image": Share(8)})
    samples: SampleConfig = field(default_factory=SampleConfig)
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
    """Model folder whose weights and tokenizer a new run starts with."""
    log_every: int = 10
    save_every: int = 100
    sample_every: int = 0
    """Steps between sample sheets; 0 draws none."""
    sample_prompts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        unknown = sorted(set(self.mixture) - set(TASKS))
        if unknown:
            raise ConfigError(f"mixture names unknown tasks {unknown}; expected some of {', '.join(TASKS)}")
        if not any(share.every == 1 for share in self.mixture.values()):
            raise ConfigError("mixture must name at least one task that comes at every step, e.g. {'image': Share(8)}")
        if self.steps < 1:
            raise ConfigError(f"steps must be at least 1, got {self.steps}")

    def rate(self, step: int) -> float:
        """Return the rate's factor at a step: linear warm-up, constant, linear decay to zero."""
        decay_from = self.steps * (1 - self.decay_share)
        warm = min(1.0, (step + 1) / max(self.warmup_steps, 1))
        cool = min(1.0, (self.steps - step) / max(self.steps - decay_from, 1))
        return warm * cool
