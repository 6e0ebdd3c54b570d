"""Sizing: whether a model fits some chips and how fast it would run, for `sancai doctor --model`."""

from typing import TYPE_CHECKING, Any

from sancai.commands.options import print_result
from sancai.errors import RequestError

if TYPE_CHECKING:
    from sancai.device import Machine
    from sancai.device.platform import Platform
    from sancai.estimate import ModelSpec, Scenario, Training

LENGTHS = (4096, 32768, 131072, 1048576)
HEADROOM = 0.9
"""Share of memory for weights and KV cache; the rest is for activations."""
HERE = "here"


def check(options: Any) -> None:
    """Check the options.

    Raises:
        RequestError: options that do not go together, or values out of range.
    """
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
    """Print the sizes of a model, and for given chips whether it fits and how fast it would run."""
    from sancai.api import MODELS, SHIPPED
    from sancai.device import parse_machine
    from sancai.estimate import Scenario, Training, find_model

    try:
        machine = parse_machine(options.chips) if options.chips not in (None, HERE) else None
    except RequestError as error:
        raise RequestError(f"{error}, or {HERE}") from error
    model = find_model(str(MODELS / SHIPPED) if name == SHIPPED else name)
    scenario = Scenario(
        context=options.context, prompt=options.context, batch=options.batch, side=_side(model, options.side),
        steps=options.steps, guided=options.guidance,
    )  # fmt: skip
    training = Training(tokens=options.train_tokens, price_per_hour=options.price_per_hour)
    _print_sizes(model)
    if machine is not None:
        fits = _print_fit(model, machine)
        _print_chips(model, machine, scenario, training, fits)
    elif options.chips == HERE:
        _print_here(model, scenario, training)


def _side(model: "ModelSpec", side: int) -> int:
    """Return the side; the model's patches must divide it."""
    visual = model.config.visual
    patch = visual.pixel_shuffle if visual else 1
    if side % patch:
        raise RequestError(f"--side is {side}; {model.name} makes pictures of whole {patch}×{patch} patches")
    return side


def _print_sizes(model: "ModelSpec") -> None:
    """Print parameters, weights and the size of the KV cache."""
    sizes = model.sizes
    text = f"{model.parameters / 1e9:,.1f}B parameters" if model.parameters >= 1e8 else ""
    text = text or f"{model.parameters / 1e6:,.1f}M parameters"
    active = f"{sizes.active / 1e9:.2f}B" if sizes.active >= 1e8 else f"{sizes.active / 1e6:.1f}M"
    also = "with MTP" + (" and visual half" if model.has_visual else "")
    print_result(f"model    {model.name}: {text} {also}, {active} active a text token")
    how = " in fp32, as they are loaded" if model.is_ours else ""
    print_result(f"weights  {model.weight_bytes:,} bytes ({model.weight_bytes / 2**30:,.1f} GiB){how}")
    print_result(f"cache    {sizes.cache_bytes_per_token:,.0f} bytes a token, fp8 rows and fp4 index keys")
    for length in LENGTHS:
        print_result(f"         {sizes.cache_bytes(length) / 2**20:>9,.1f} MiB at {length:,} tokens")


def _print_fit(model: "ModelSpec", machine: "Machine") -> bool:
    """Print whether the weights fit, and the number of sequences that fit besides; return whether they fit."""
    sizes = model.sizes
    room = machine.memory_bytes * HEADROOM - model.weight_bytes
    text = f"{machine.count} × {machine.spec.name}, {machine.memory_bytes / 1e9:,.0f} GB together"
    print_result(
        f"chips    {text} (memory: confidence {machine.spec.confidence}), {HEADROOM:.0%} for weights and cache"
    )
    if room < sizes.cache_bytes(LENGTHS[0]):
        least = -(-model.weight_bytes // round(machine.spec.memory_gb * 10**9 * HEADROOM)) + 1
        print_result(f"fits     no: {-room / 1e9:,.1f} GB short; take about {least} of these chips")
        return False
    print_result("fits     yes, weights alone split over all chips; sequences at once:")
    for length in LENGTHS:
        print_result(f"         {int(room // sizes.cache_bytes(length)):>9,} of {length:,} tokens")
    return True


def _print_chips(
    model: "ModelSpec", machine: "Machine", scenario: "Scenario", training: "Training", fits: bool
) -> None:
    """Print predictions from published specifications, or why there are none."""
    from sancai.estimate import Target, assumption_lines, chip_executions, speed_lines

    try:
        runs = chip_executions(model, lambda mode: Target(mode, machine), scenario)
    except RequestError as error:
        print_result(f"speed    no estimate, because {error}")
        return
    if not fits:
        print_result("speed    as if the weights did fit:")
    for line in speed_lines(model, runs, training, machine.count):
        print_result(line)
    for line in assumption_lines(model, runs):
        print_result(line)


def _print_here(model: "ModelSpec", scenario: "Scenario", training: "Training") -> None:
    """Print predictions for this machine from measured rates."""
    from sancai.device.platform import get_platform
    from sancai.estimate import assumption_lines, cached_calibration, local_execution, local_lines, mode_of, speed_lines

    platform = get_platform()
    memory = _memory_bytes(platform)
    if memory and model.weight_bytes > memory * HEADROOM:
        print_result(f"fits     no: this machine has {memory / 1e9:,.1f} GB; what follows is as if it did")
    calibration = cached_calibration(platform)
    runs = local_execution(model, calibration, mode_of(platform), scenario)
    for line in (*local_lines(calibration), *speed_lines(model, runs, training, 1), *assumption_lines(model, runs)):
        print_result(line)


def _memory_bytes(platform: "Platform") -> int:
    """Return the bytes of memory of the device, or of this machine; 0 if unknown."""
    from sancai.device.platform import device_memory
    from sancai.doctor.installation import host_memory

    text = device_memory(platform) or host_memory()
    return text[1] if text else 0
