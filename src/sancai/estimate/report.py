"""The text of an estimate: one line per prediction, and its assumptions."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sancai.device import Machine
from sancai.device.efficiency import efficiency_of
from sancai.estimate.calibration import Calibration
from sancai.estimate.memory import activation_bytes, copied_bytes, training_bytes
from sancai.estimate.model_spec import ModelSpec
from sancai.estimate.predict import Interval, Predictor, Scenario, Target
from sancai.estimate.primitives import ExecutionMode
from sancai.estimate.workload import Workload

LABEL = 9
BF16 = 2.0


@dataclass(frozen=True, kw_only=True)
class Training:
    """The training run of an estimate: number of text tokens, and price per chip and hour."""

    tokens: float = 1e12
    price_per_hour: float | None = None


@dataclass(frozen=True)
class Execution:
    """One execution mode of a model on a target, with its name in the report."""

    name: str
    predictor: Predictor


def chip_executions(model: ModelSpec, target: Callable[[ExecutionMode], Target], scenario: Scenario) -> list[Execution]:
    """Return both execution modes on chips: fused kernels, and this code's eager PyTorch operators."""
    formats = model.computing(BF16)
    modes: tuple[tuple[ExecutionMode, str], ...] = (("fused", "fused kernels"), ("eager", "plain PyTorch"))
    return [Execution(name, Predictor(model.config, formats, target(mode), scenario)) for mode, name in modes]


def local_execution(
    model: ModelSpec, calibration: Calibration, mode: ExecutionMode, scenario: Scenario
) -> list[Execution]:
    """Return the execution mode of this code on this machine."""
    number = 4.0 if calibration.dtype == "float32" else BF16
    formats = model.computing(number)
    return [
        Execution("this machine", Predictor(model.config, formats, Target(mode, measured=calibration.rates), scenario))
    ]


def speed_lines(model: ModelSpec, runs: list[Execution], training: Training, count: int) -> Iterator[str]:
    """Yield the predictions: rates, seconds, hours and cost on `count` chips."""
    q = runs[0].predictor.scenario
    where = f"after {q.context:,} tokens"
    guided = "with guidance" if q.guided else "without guidance"
    size = f"{q.side}×{q.side}, {q.steps} steps {guided}"
    rows: list[tuple[str, str, Callable[[Predictor], Interval], str]] = [
        ("decode", f"1 sequence {where}", lambda p: p.decode(1), "tokens/s"),
        ("", f"{q.batch} sequences at once", lambda p: p.decode(q.batch), "tokens/s"),
        ("prefill", f"{q.prompt:,} tokens", lambda p: p.prefill(), "tokens/s"),
        ("picture", size, lambda p: p.picture(), "s"),
        ("film", f"one second, {q.frames} frames of {size}", lambda p: p.film(), "s"),
        (
            "train",
            f"{format_count(training.tokens)} text tokens",
            lambda p: p.training(training.tokens) * (1 / 3600),
            "h",
        ),
    ]
    names = "; ".join(r.name for r in runs)
    yield line("speed", f"predicted, {names}")
    for label, what, ask, unit in rows:
        text = "; ".join(f"{format_interval(ask(r.predictor))} {unit}" for r in runs)
        yield line(label, f"{what}: {text}")
    yield from cost_lines(runs[0], training, count)
    yield from training_lines(model, runs[0], count)


def cost_lines(run: Execution, training: Training, count: int) -> Iterator[str]:
    """Yield the cost of training if a price is given."""
    if training.price_per_hour is not None:
        span = run.predictor.training(training.tokens) * (count * training.price_per_hour / 3600)
        text = f"{training.price_per_hour:g} an hour and chip, {run.name}"
        yield line("cost", f"{format_interval(span)} for {format_count(training.tokens)} tokens, at {text}")


def training_lines(model: ModelSpec, run: Execution, count: int) -> Iterator[str]:
    """Yield the memory of training."""
    q = run.predictor.scenario
    states = training_bytes(model.parameters)
    kept = activation_bytes(model.config, model.computing(BF16), Workload(text=q.row), q.recompute)
    yield line(
        "", f"training memory: {states / 1e9:,.1f} GB for weights, gradients, momentum and EMA, "
        f"about {kept / 1e9:,.2f} GB for a row of {q.row:,} tokens with recomputation",
    )  # fmt: skip
    machine = run.predictor.target.machine
    if machine is None:
        return
    copies = copied_bytes(model.config, Workload(text=q.row, with_mtp=True))
    if copies:
        yield line("", f"eager PyTorch also keeps {copies / 1e9:,.1f} GB of copied experts for such a row")
    if states > machine.memory_bytes:
        least = -(-states // round(machine.spec.memory_gb * 1e9))
        yield line("", f"that does not fit {count} chips: the hours are as if it did; it takes {least} or more")


def assumption_lines(model: ModelSpec, runs: list[Execution]) -> Iterator[str]:
    """Yield the assumptions of a prediction."""
    q, machine = runs[0].predictor.scenario, runs[0].predictor.target.machine
    lines = list(chip_assumptions(machine)) if machine is not None else []
    visual = model.config.visual
    assert visual is not None, "a subject draws"
    own = "its own visual half" if model.has_visual else "a default visual half attached"
    patch = f"{visual.pixel_shuffle}×{visual.pixel_shuffle}"
    lines.append(f"{own}: one token for {patch} pixels, {visual.block_frames} frames a block")
    lines.append(f"training: rows of {q.row:,} tokens, {q.step_tokens:,} a step, recomputation, every token scored")
    for number, text in enumerate(lines):
        yield line("" if number else "assumes", text)


def chip_assumptions(machine: Machine) -> Iterator[str]:
    """Yield the assumptions about chips."""
    for costs in efficiency_of(machine.spec):
        reached = f"{costs.compute:.0%} of arithmetic, {costs.memory:.0%} of memory, {costs.link:.0%} of links"
        yield f"reached: {reached} ({costs.source})"
    starts = efficiency_of(machine.spec)[0]
    yield (
        f"launch overhead: {starts.matrix_launch * 1e6:g} µs a product, {starts.vector_launch * 1e6:g} µs else, "
        f"{starts.link_launch * 1e6:g} µs an exchange; bf16 arithmetic"
    )
    yield f"rates: {machine.spec.source} (confidence {machine.spec.confidence})"
    if machine.count > 1:
        yield "all chips in one node share every layer; no exchange is hidden behind arithmetic"
    yield "fused kernels do not exist here for most chips: read them as an upper bound"


def local_lines(calibration: Calibration) -> Iterator[str]:
    """Yield the measured rates of this machine."""
    r = calibration.rates
    peak = max(max(row) for row in r.products.values)
    yield line(
        "here", f"{calibration.device}, {calibration.dtype}, {calibration.threads} threads: products up to "
        f"{peak / 1e9:,.0f} GFLOP/s, elementwise {r.traffic.at(1, 2**24) / 1e9:,.1f} GB/s, "
        f"{r.launch * 1e6:.1f} µs an operator (measured)",
    )  # fmt: skip


def line(label: str, text: str) -> str:
    """Return a line of the report."""
    return f"{label:<{LABEL}}{text}"


def format_interval(span: Interval) -> str:
    """Return an interval as text, one number if both bounds are equal."""
    low, high = format_number(span.low), format_number(span.high)
    return low if low == high else f"{low} to {high}"


def format_number(value: float) -> str:
    """Return a number with three significant digits."""
    if value >= 100:
        digits = 10 ** max(len(str(int(value))) - 3, 0)
        return f"{round(value / digits) * digits:,}"
    return f"{value:.3g}"


def format_count(count: float) -> str:
    """Return a count as text, for example `1.5 trillion`."""
    for size, name in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if count >= size:
            return f"{count / size:g} {name}"
    return f"{count:,.0f}"
