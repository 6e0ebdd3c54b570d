"""How a model would do on some chips: what `sancai doctor --model` prints."""

from typing import TYPE_CHECKING, Any

from sancai.commands.options import print_result
from sancai.errors import RequestError

if TYPE_CHECKING:
    from sancai.device import Machine
    from sancai.device.platform import Platform
    from sancai.estimate import Question, Subject, Training

LENGTHS = (4096, 32768, 131072, 1048576)
HEADROOM = 0.9
"""Share of memory that weights and cache may take; the rest is for what is computed."""
HERE = "here"


def check(options: Any) -> None:
    """Refuse options that cannot be answered."""
    if options.model is None and options.chips is not None:
        raise RequestError("--chips needs --model, for example --model v4-flash --chips 16xascend-910c")
    if options.price_per_hour is not None and options.chips is None:
        raise RequestError("--price-per-hour needs --chips: say where the model would run")
    limits = (
        ("batch", options.batch, 1, 2**20), ("context", options.context, 1, 2**24), ("side", options.side, 8, 8192),
        ("steps", options.steps, 1, 1000), ("train-tokens", options.train_tokens, 1, 1e16),
        ("price-per-hour", options.price_per_hour or 0.0, 0, 1e6),
    )  # fmt: skip
    for name, value, low, high in limits:
        if not low <= value <= high:
            raise RequestError(f"--{name} is {value}; choose {low:,} to {high:,}")


def about(name: str, options: Any) -> None:
    """Print how large a model is; where chips are named, whether it fits them and how fast it would be."""
    from sancai.api import MODELS, SHIPPED
    from sancai.device import parse_machine
    from sancai.estimate import Question, Training, find_subject

    try:
        machine = parse_machine(options.chips) if options.chips not in (None, HERE) else None
    except RequestError as error:
        raise RequestError(f"{error}, or {HERE}") from error
    subject = find_subject(str(MODELS / SHIPPED) if name == SHIPPED else name)
    question = Question(
        context=options.context, prompt=options.context, batch=options.batch, side=_side(subject, options.side),
        steps=options.steps, guided=options.guidance,
    )  # fmt: skip
    training = Training(tokens=options.train_tokens, price_per_hour=options.price_per_hour)
    _tell_sizes(subject)
    if machine is not None:
        fits = _tell_fit(subject, machine)
        _tell_chips(subject, machine, question, training, fits)
    elif options.chips == HERE:
        _tell_here(subject, question, training)


def _side(subject: "Subject", side: int) -> int:
    """Return the side if the model's patches divide it."""
    visual = subject.config.visual
    patch = visual.pixel_shuffle if visual else 1
    if side % patch:
        raise RequestError(f"--side is {side}; {subject.name} makes pictures of whole {patch}×{patch} patches")
    return side


def _tell_sizes(subject: "Subject") -> None:
    """Print parameters, weights and what a cache takes."""
    sizes = subject.sizes
    told = f"{subject.parameters / 1e9:,.1f}B parameters" if subject.parameters >= 1e8 else ""
    told = told or f"{subject.parameters / 1e6:,.1f}M parameters"
    active = f"{sizes.active / 1e9:.2f}B" if sizes.active >= 1e8 else f"{sizes.active / 1e6:.1f}M"
    also = "with MTP" + (" and visual half" if subject.has_visual else "")
    print_result(f"model    {subject.name}: {told} {also}, {active} active a text token")
    how = " in fp32, as they are loaded" if subject.is_ours else ""
    print_result(f"weights  {subject.weight_bytes:,} bytes ({subject.weight_bytes / 2**30:,.1f} GiB){how}")
    print_result(f"cache    {sizes.cache_bytes_per_token:,.0f} bytes a token, fp8 rows and fp4 index keys")
    for length in LENGTHS:
        print_result(f"         {sizes.cache_bytes(length) / 2**20:>9,.1f} MiB at {length:,} tokens")


def _tell_fit(subject: "Subject", machine: "Machine") -> bool:
    """Print whether weights fit, and how many sequences beside them; return whether they do."""
    sizes = subject.sizes
    room = machine.memory_bytes * HEADROOM - subject.weight_bytes
    told = f"{machine.count} × {machine.spec.name}, {machine.memory_bytes / 1e9:,.0f} GB together"
    print_result(
        f"chips    {told} (memory: confidence {machine.spec.confidence}), {HEADROOM:.0%} for weights and cache"
    )
    if room < sizes.cache_bytes(LENGTHS[0]):
        least = -(-subject.weight_bytes // round(machine.spec.memory_gb * 10**9 * HEADROOM)) + 1
        print_result(f"fits     no: {-room / 1e9:,.1f} GB short; take about {least} of these chips")
        return False
    print_result("fits     yes, weights alone split over all chips; sequences at once:")
    for length in LENGTHS:
        print_result(f"         {int(room // sizes.cache_bytes(length)):>9,} of {length:,} tokens")
    return True


def _tell_chips(subject: "Subject", machine: "Machine", question: "Question", training: "Training", fits: bool) -> None:
    """Print predictions by published figures, or why there are none."""
    from sancai.estimate import Target, assumption_lines, chip_runs, speed_lines

    try:
        runs = chip_runs(subject, lambda way: Target(way, machine), question)
    except RequestError as error:
        print_result(f"speed    no estimate, because {error}")
        return
    if not fits:
        print_result("speed    as if the weights did fit:")
    for line in speed_lines(subject, runs, training, machine.count):
        print_result(line)
    for line in assumption_lines(subject, runs):
        print_result(line)


def _tell_here(subject: "Subject", question: "Question", training: "Training") -> None:
    """Print predictions for this machine by what is measured on it."""
    from sancai.device.platform import get_platform
    from sancai.estimate import assumption_lines, calibrated, here_lines, here_run, speed_lines, way_of

    here = get_platform()
    memory = _memory_bytes(here)
    if memory and subject.weight_bytes > memory * HEADROOM:
        print_result(f"fits     no: this machine has {memory / 1e9:,.1f} GB; what follows is as if it did")
    calibration = calibrated(here)
    runs = here_run(subject, calibration, way_of(here), question)
    for line in (*here_lines(calibration), *speed_lines(subject, runs, training, 1), *assumption_lines(subject, runs)):
        print_result(line)


def _memory_bytes(here: "Platform") -> int:
    """Return the memory of the device, or of this machine; 0 where nobody tells."""
    from sancai.device.platform import device_memory
    from sancai.doctor.installation import host_memory

    told = device_memory(here) or host_memory()
    return told[1] if told else 0
