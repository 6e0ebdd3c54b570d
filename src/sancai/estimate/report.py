"""An estimate in words: one line a question, and what it takes for granted."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sancai.device import Machine
from sancai.device.efficiency import efficiency_of
from sancai.estimate.calibration import Calibration
from sancai.estimate.memory import activation_bytes, copied_bytes, training_bytes
from sancai.estimate.predict import Predictor, Question, Span, Target
from sancai.estimate.subject import Subject
from sancai.estimate.work import Load, Way

LABEL = 9
BF16 = 2.0


@dataclass(frozen=True, kw_only=True)
class Training:
    """What is asked about training: so many text tokens, and what one chip costs an hour."""

    tokens: float = 1e12
    price_per_hour: float | None = None


@dataclass(frozen=True)
class Run:
    """One way of running a model on a target."""

    name: str
    predictor: Predictor


def chip_runs(subject: Subject, target: Callable[[Way], Target], question: Question) -> list[Run]:
    """Return both ways on chips: with fused kernels, and as this code's own PyTorch operators run there."""
    formats = subject.computing(BF16)
    ways: tuple[tuple[Way, str], ...] = (("kernels", "fused kernels"), ("plain", "plain PyTorch"))
    return [Run(name, Predictor(subject.config, formats, target(way), question)) for way, name in ways]


def here_run(subject: Subject, calibration: Calibration, way: Way, question: Question) -> list[Run]:
    """Return this code on this machine."""
    number = 4.0 if calibration.dtype == "float32" else BF16
    formats = subject.computing(number)
    return [Run("this machine", Predictor(subject.config, formats, Target(way, measured=calibration.rates), question))]


def speed_lines(subject: Subject, runs: list[Run], training: Training, count: int) -> Iterator[str]:
    """Yield what is predicted: rates, seconds, hours and cost on `count` chips."""
    q = runs[0].predictor.question
    where = f"after {q.context:,} tokens"
    guided = "with guidance" if q.guided else "without guidance"
    size = f"{q.side}×{q.side}, {q.steps} steps {guided}"
    rows: list[tuple[str, str, Callable[[Predictor], Span], str]] = [
        ("decode", f"1 sequence {where}", lambda p: p.decode(1), "tokens/s"),
        ("", f"{q.batch} sequences at once", lambda p: p.decode(q.batch), "tokens/s"),
        ("prefill", f"{q.prompt:,} tokens", lambda p: p.prefill(), "tokens/s"),
        ("picture", size, lambda p: p.picture(), "s"),
        ("film", f"one second, {q.frames} frames of {size}", lambda p: p.film(), "s"),
        ("train", f"{amount(training.tokens)} text tokens", lambda p: p.training(training.tokens) * (1 / 3600), "h"),
    ]
    names = "; ".join(r.name for r in runs)
    yield line("speed", f"predicted, {names}")
    for label, what, ask, unit in rows:
        told = "; ".join(f"{span_words(ask(r.predictor))} {unit}" for r in runs)
        yield line(label, f"{what}: {told}")
    yield from cost_lines(runs[0], training, count)
    yield from training_lines(subject, runs[0], count)


def cost_lines(run: Run, training: Training, count: int) -> Iterator[str]:
    """Yield what training costs, where a price is given."""
    if training.price_per_hour is not None:
        span = run.predictor.training(training.tokens) * (count * training.price_per_hour / 3600)
        told = f"{training.price_per_hour:g} an hour and chip, {run.name}"
        yield line("cost", f"{span_words(span)} for {amount(training.tokens)} tokens, at {told}")


def training_lines(subject: Subject, run: Run, count: int) -> Iterator[str]:
    """Yield the memory that training needs."""
    q = run.predictor.question
    states = training_bytes(subject.parameters)
    kept = activation_bytes(subject.config, subject.computing(BF16), Load(text=q.row), q.recompute)
    yield line(
        "", f"training memory: {states / 1e9:,.1f} GB for weights, gradients, momentum and average, "
        f"about {kept / 1e9:,.2f} GB for a row of {q.row:,} tokens with recomputation",
    )  # fmt: skip
    machine = run.predictor.target.machine
    if machine is None:
        return
    copies = copied_bytes(subject.config, Load(text=q.row, with_mtp=True))
    if copies:
        yield line("", f"plain PyTorch also keeps {copies / 1e9:,.1f} GB of copied experts for such a row")
    if states > machine.memory_bytes:
        least = -(-states // round(machine.spec.memory_gb * 1e9))
        yield line("", f"that does not fit {count} chips: the hours are as if it did; it takes {least} or more")


def assumption_lines(subject: Subject, runs: list[Run]) -> Iterator[str]:
    """Yield what a prediction takes for granted."""
    q, machine = runs[0].predictor.question, runs[0].predictor.target.machine
    told = list(chip_assumptions(machine)) if machine is not None else []
    visual = subject.config.visual
    assert visual is not None, "a subject draws"
    own = "its own visual half" if subject.has_visual else "a plain visual half attached"
    patch = f"{visual.pixel_shuffle}×{visual.pixel_shuffle}"
    told.append(f"{own}: one token for {patch} pixels, {visual.block_frames} frames a block")
    told.append(f"training: rows of {q.row:,} tokens, {q.step_tokens:,} a step, recomputation, every token scored")
    for number, text in enumerate(told):
        yield line("" if number else "assumes", text)


def chip_assumptions(machine: Machine) -> Iterator[str]:
    """Yield what is taken for granted about chips."""
    for costs in efficiency_of(machine.spec):
        reached = f"{costs.compute:.0%} of arithmetic, {costs.memory:.0%} of memory, {costs.link:.0%} of links"
        yield f"reached: {reached} ({costs.source})"
    starts = efficiency_of(machine.spec)[0]
    yield (
        f"started one by one: {starts.matrix_launch * 1e6:g} µs a product, {starts.vector_launch * 1e6:g} µs else, "
        f"{starts.link_launch * 1e6:g} µs an exchange; bf16 arithmetic"
    )
    yield f"rates: {machine.spec.source} (confidence {machine.spec.confidence})"
    if machine.count > 1:
        yield "all chips in one node share every layer; no exchange is hidden behind arithmetic"
    yield "fused kernels do not exist here for most chips: read them as what can be reached at best"


def here_lines(calibration: Calibration) -> Iterator[str]:
    """Yield what was measured of this machine."""
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


def span_words(span: Span) -> str:
    """Return a number, or two where the truth may lie between."""
    low, high = number_words(span.low), number_words(span.high)
    return low if low == high else f"{low} to {high}"


def number_words(value: float) -> str:
    """Return a number with three digits that count."""
    if value >= 100:
        digits = 10 ** max(len(str(int(value))) - 3, 0)
        return f"{round(value / digits) * digits:,}"
    return f"{value:.3g}"


def amount(count: float) -> str:
    """Return a count in words: 1.5 trillion."""
    for size, name in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if count >= size:
            return f"{count / size:g} {name}"
    return f"{count:,.0f}"
