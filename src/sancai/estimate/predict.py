"""Predictions: the time of a pass on a target, and the rates of decoding, prefill, drawing and training."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from sancai.checkpoint.layout import official_layout
from sancai.device import Machine
from sancai.device.efficiency import efficiency_of
from sancai.estimate.cost_model import CostModel
from sancai.estimate.op_cost import OpCost, with_backward
from sancai.estimate.primitives import ExecutionMode
from sancai.estimate.rates import ChipRates, MeasuredRates, check_rates, total_seconds
from sancai.estimate.workload import ElementBytes, Workload
from sancai.model import ModelConfig

NEWTON_SCHULZ_STEPS = 5
OPTIMIZER_BYTES = 44
"""Bytes moved by an update per parameter: weight, gradient, momentum and EMA in fp32, the matrix in bf16."""


@dataclass(frozen=True)
class Interval:
    """A time in seconds, or a rate, between two bounds; they are equal where the efficiency is known."""

    low: float
    high: float

    def __add__(self, other: "Interval") -> "Interval":
        return Interval(self.low + other.low, self.high + other.high)

    def __mul__(self, times: float) -> "Interval":
        return Interval(self.low * times, self.high * times)

    def per_second(self, count: float) -> "Interval":
        """Return `count` per second."""
        return Interval(count / self.high, count / self.low)


class Target:
    """Where a model would run: accelerators with published specifications, or this machine with measured rates."""

    def __init__(
        self, mode: ExecutionMode, machine: Machine | None = None, measured: MeasuredRates | None = None
    ) -> None:
        """Take either `machine` or `measured`.

        Raises:
            RequestError: the machine's rates are not published.
        """
        assert (machine is None) != (measured is None), "a target is chips or a measured machine"
        if machine is not None:
            check_rates(machine)
        self.mode, self.machine, self.measured = mode, machine, measured

    def seconds(self, config: ModelConfig, formats: ElementBytes, workload: Workload) -> Interval:
        """Return the seconds of a forward pass."""
        return self._timed(config, formats, workload, CostModel(config, self.mode, formats).forward(workload), 1)

    def step_seconds(self, config: ModelConfig, formats: ElementBytes, workload: Workload, recompute: bool) -> Interval:
        """Return the seconds of a forward and a backward pass."""
        operators = with_backward(CostModel(config, self.mode, formats).forward(workload), recompute)
        return self._timed(config, formats, workload, operators, 3 if recompute else 2)

    def update_seconds(self, config: ModelConfig) -> Interval:
        """Return the seconds of one optimizer update of all parameters of the text half."""
        return self._of([optimizer_cost(config)], 1.0)

    def _timed(
        self, config: ModelConfig, formats: ElementBytes, workload: Workload, operators: list[OpCost], passes: int
    ) -> Interval:
        """Return the seconds of operators, and of the communication of `passes` passes."""
        tokens = workload.batch * (workload.text + workload.committed + workload.noisy)
        span = self._of(operators, tokens)
        if self.machine is None:
            return span
        times = [
            ChipRates(self.machine, costs).exchange_seconds(config, workload, formats.math)
            for costs in efficiency_of(self.machine.spec)
        ]
        return span + Interval(min(times), max(times)) * passes

    def _of(self, operators: Iterable[OpCost], tokens: float) -> Interval:
        listed = list(operators)
        if self.measured is not None:
            time = total_seconds(self.measured, listed)
            return Interval(time, time)
        assert self.machine is not None
        times = [total_seconds(ChipRates(self.machine, c, tokens), listed) for c in efficiency_of(self.machine.spec)]
        return Interval(min(times), max(times))


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """The sizes that predictions are made for.

    context: tokens in the KV cache of a decoded token.
    batch: sequences decoded at once, for the second decoding rate.
    prompt: tokens of a prefill.
    side: side of a picture in pixels.
    steps: denoising steps.
    guided: classifier-free guidance, which doubles every step.
    frames: frames of one second of film.
    row: tokens of a training row.
    step_tokens: tokens of a training step.
    recompute: activation checkpointing.
    """

    context: int = 4096
    batch: int = 64
    prompt: int = 4096
    side: int = 512
    steps: int = 8
    guided: bool = False
    frames: int = 8
    row: int = 4096
    step_tokens: int = 2**22
    recompute: bool = True


class Predictor:
    """Predictions for one model on one target."""

    def __init__(self, config: ModelConfig, formats: ElementBytes, target: Target, scenario: Scenario) -> None:
        self.config, self.formats, self.target, self.scenario = config, formats, target, scenario

    def decode(self, batch: int) -> Interval:
        """Return tokens per second of `batch` sequences decoded at once."""
        workload = Workload(batch=batch, text=1, context=self.scenario.context, scored=1, keeps_cache=True)
        return self._seconds(workload).per_second(batch)

    def prefill(self) -> Interval:
        """Return tokens per second of the prefill of one prompt."""
        tokens = self.scenario.prompt
        return self._seconds(Workload(text=tokens, scored=1, keeps_cache=True)).per_second(tokens)

    @property
    def frame_tokens(self) -> int:
        """Tokens of one frame."""
        visual = self.config.visual
        assert visual is not None, "with_visual comes first"
        return (self.scenario.side // visual.pixel_shuffle) ** 2

    def picture(self) -> Interval:
        """Return the seconds of one picture, all denoising steps included."""
        return self._block(1)

    def film(self) -> Interval:
        """Return the seconds for one second of film; its blocks are denoised and committed one by one."""
        visual, frames = self.config.visual, self.scenario.frames
        assert visual is not None, "with_visual comes first"
        full, rest = divmod(frames, visual.block_frames)
        span = Interval(0.0, 0.0)
        for count, size in ((full, visual.block_frames), (1, rest)):
            if count and size:
                commit = Workload(committed=size * self.frame_tokens, frame_tokens=self.frame_tokens, keeps_cache=True)
                span = span + (self._block(size) + self._seconds(commit)) * count
        return span

    def training(self, tokens: float) -> Interval:
        """Return the seconds of training on this many text tokens."""
        q = self.scenario
        workload = Workload(batch=max(q.step_tokens // q.row, 1), text=q.row, scored=q.row, with_mtp=True)
        formats = replace(self.formats, weights=4.0, experts=4.0)
        step = self.target.step_seconds(self.config, formats, workload, q.recompute)
        return (step + self.target.update_seconds(self.config)) * (tokens / (workload.batch * q.row))

    def _block(self, frames: int) -> Interval:
        """Return the seconds of denoising one block of `frames` frames after a short prompt."""
        q = self.scenario
        workload = Workload(
            batch=2 if q.guided else 1, noisy=frames * self.frame_tokens, frame_tokens=self.frame_tokens, context=64
        )
        return self._seconds(workload) * q.steps

    def _seconds(self, workload: Workload) -> Interval:
        return self.target.seconds(self.config, self.formats, workload)


def optimizer_cost(config: ModelConfig) -> OpCost:
    """Return the cost of one optimizer update of the text half: Newton-Schulz iterations, and traffic."""
    flops, numbers = 0.0, 0
    for rows, columns in _matrices(config):
        low, high = sorted((rows, columns))
        flops += NEWTON_SCHULZ_STEPS * (4.0 * low * low * high + 2.0 * low**3)
        numbers += rows * columns
    return OpCost(
        part="optimizer", kind="matrix", flops=flops, bytes=float(numbers * OPTIMIZER_BYTES), launches=1000, rows=1024,
        weights=2.0**20,
    )  # fmt: skip


def _matrices(config: ModelConfig) -> Iterator[tuple[int, int]]:
    """Yield the shapes of the matrices of the text half."""
    for spec in official_layout(replace(config, visual=None), "fp8"):
        if len(spec.shape) == 2 and spec.element in ("BF16", "F8_E4M3"):
            yield spec.shape[0], spec.shape[1]
