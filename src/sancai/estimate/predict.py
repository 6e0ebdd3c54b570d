"""Predictions: seconds of a pass on a target, and the rates that a person asks about."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from sancai.checkpoint.layout import official_layout
from sancai.device import Machine
from sancai.device.efficiency import efficiency_of
from sancai.estimate.operator import Operator, with_backward
from sancai.estimate.rates import ChipRates, MeasuredRates, check_rates, total_seconds
from sancai.estimate.work import Formats, Load, Way, Work
from sancai.model import ModelConfig

NEWTON_SCHULZ_STEPS = 5
OPTIMIZER_BYTES = 44
"""Traffic of an update for each parameter: weight, gradient, momentum and average in fp32, the matrix in bf16."""


@dataclass(frozen=True)
class Span:
    """A time between two guesses; both are equal where nothing is guessed."""

    low: float
    high: float

    def __add__(self, other: "Span") -> "Span":
        return Span(self.low + other.low, self.high + other.high)

    def __mul__(self, times: float) -> "Span":
        return Span(self.low * times, self.high * times)

    def per_second(self, count: float) -> "Span":
        """Return how much of `count` is done in a second."""
        return Span(count / self.high, count / self.low)


class Target:
    """Where a model would run: chips as they are sold, or a measured machine."""

    def __init__(self, way: Way, machine: Machine | None = None, measured: MeasuredRates | None = None) -> None:
        """Take either published chips or measured rates.

        Raises:
            RequestError: chips without published rates.
        """
        assert (machine is None) != (measured is None), "a target is chips or a measured machine"
        if machine is not None:
            check_rates(machine)
        self.way, self.machine, self.measured = way, machine, measured

    def seconds(self, config: ModelConfig, formats: Formats, load: Load) -> Span:
        """Return the time of a forward pass."""
        return self._timed(config, formats, load, Work(config, self.way, formats).forward(load), 1)

    def step_seconds(self, config: ModelConfig, formats: Formats, load: Load, recompute: bool) -> Span:
        """Return the time of a forward and a backward pass."""
        operators = with_backward(Work(config, self.way, formats).forward(load), recompute)
        return self._timed(config, formats, load, operators, 3 if recompute else 2)

    def update_seconds(self, config: ModelConfig) -> Span:
        """Return the time of one update of all parameters of the text half."""
        return self._of([update(config)], 1.0)

    def _timed(self, config: ModelConfig, formats: Formats, load: Load, operators: list[Operator], passes: int) -> Span:
        """Return the time of operators and of `passes` exchanges of a pass."""
        tokens = load.batch * (load.text + load.committed + load.noisy)
        span = self._of(operators, tokens)
        if self.machine is None:
            return span
        times = [
            ChipRates(self.machine, costs).exchange_seconds(config, load, formats.math)
            for costs in efficiency_of(self.machine.spec)
        ]
        return span + Span(min(times), max(times)) * passes

    def _of(self, operators: Iterable[Operator], tokens: float) -> Span:
        listed = list(operators)
        if self.measured is not None:
            time = total_seconds(self.measured, listed)
            return Span(time, time)
        assert self.machine is not None
        times = [total_seconds(ChipRates(self.machine, c, tokens), listed) for c in efficiency_of(self.machine.spec)]
        return Span(min(times), max(times))


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked about a model on a target.

    context: tokens before a decoded one.  batch: of the second decoding rate.  prompt: tokens of a prefill.
    side: of a picture in pixels.  steps: of denoising.  guided: whether every step runs with and without words.
    frames: of one second of film.  row: tokens of a training row.  step_tokens: of a training step.
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
    """The rates of one model on one target."""

    def __init__(self, config: ModelConfig, formats: Formats, target: Target, question: Question) -> None:
        self.config, self.formats, self.target, self.question = config, formats, target, question

    def decode(self, batch: int) -> Span:
        """Return tokens a second of `batch` sequences decoded at once."""
        load = Load(batch=batch, text=1, context=self.question.context, scored=1, keeps_cache=True)
        return self._seconds(load).per_second(batch)

    def prefill(self) -> Span:
        """Return tokens a second of reading one prompt."""
        tokens = self.question.prompt
        return self._seconds(Load(text=tokens, scored=1, keeps_cache=True)).per_second(tokens)

    @property
    def frame_tokens(self) -> int:
        """Tokens of one frame of the asked size."""
        visual = self.config.visual
        assert visual is not None, "a subject draws"
        return (self.question.side // visual.pixel_shuffle) ** 2

    def picture(self) -> Span:
        """Return the seconds of one picture: all denoising passes."""
        return self._block(1)

    def film(self) -> Span:
        """Return the seconds of one second of film, whose blocks enter the context one by one."""
        visual, frames = self.config.visual, self.question.frames
        assert visual is not None, "a subject draws"
        whole, rest = divmod(frames, visual.block_frames)
        span = Span(0.0, 0.0)
        for count, size in ((whole, visual.block_frames), (1, rest)):
            if count and size:
                commit = Load(committed=size * self.frame_tokens, frame_tokens=self.frame_tokens, keeps_cache=True)
                span = span + (self._block(size) + self._seconds(commit)) * count
        return span

    def training(self, tokens: float) -> Span:
        """Return the seconds of learning from so many text tokens."""
        q = self.question
        load = Load(batch=max(q.step_tokens // q.row, 1), text=q.row, scored=q.row, with_mtp=True)
        formats = replace(self.formats, weights=4.0, experts=4.0)
        step = self.target.step_seconds(self.config, formats, load, q.recompute)
        return (step + self.target.update_seconds(self.config)) * (tokens / (load.batch * q.row))

    def _block(self, frames: int) -> Span:
        """Return the seconds of denoising one block after a short prompt."""
        q = self.question
        load = Load(
            batch=2 if q.guided else 1, noisy=frames * self.frame_tokens, frame_tokens=self.frame_tokens, context=64
        )
        return self._seconds(load) * q.steps

    def _seconds(self, load: Load) -> Span:
        return self.target.seconds(self.config, self.formats, load)


def update(config: ModelConfig) -> Operator:
    """Return the optimizer's work on the text half: Newton-Schulz for matrices, traffic for everything."""
    flops, numbers = 0.0, 0
    for rows, columns in _matrices(config):
        low, high = sorted((rows, columns))
        flops += NEWTON_SCHULZ_STEPS * (4.0 * low * low * high + 2.0 * low**3)
        numbers += rows * columns
    return Operator(
        part="optimizer", kind="matrix", flops=flops, bytes=float(numbers * OPTIMIZER_BYTES), launches=1000, rows=1024,
        weights=2.0**20,
    )  # fmt: skip


def _matrices(config: ModelConfig) -> Iterator[tuple[int, int]]:
    """Yield the shapes of the text half's matrices."""
    for spec in official_layout(replace(config, visual=None), "fp8"):
        if len(spec.shape) == 2 and spec.element in ("BF16", "F8_E4M3"):
            yield spec.shape[0], spec.shape[1]
