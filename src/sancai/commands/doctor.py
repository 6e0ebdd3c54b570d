"""`sancai doctor`: what this machine can do, and whether a released model would fit some chips."""

import platform
import sys
from dataclasses import dataclass

from sancai.commands.options import give, parse
from sancai.errors import RequestError

LENGTHS = (4096, 32768, 131072, 1048576)
HEADROOM = 0.9
"""Share of memory that weights and cache may take; the rest is for what is computed."""


@dataclass(frozen=True, kw_only=True)
class DoctorOptions:
    """Say what this machine can do; with --model, how large a released model is and whether it fits."""

    model: str | None = None
    """`v4-flash`, `v4-flash-base`, `v4-pro` or `v4-pro-base`: sizes from the published layout."""
    chips: str | None = None
    """Machine to fit it on, such as `16xascend-910c`."""


def run(arguments: list[str]) -> None:
    """Print one paste-able block."""
    options = parse("doctor", DoctorOptions, arguments)
    if options.model is None:
        if options.chips is not None:
            raise RequestError("--chips needs --model, for example --model v4-flash --chips 16xascend-910c")
        _here()
    else:
        _fit(options.model, options.chips)


def _here() -> None:
    """Print versions, the device and whether the shipped model draws."""
    import torch

    from sancai import __version__, api
    from sancai.device.platform import current
    from sancai.engine import Clip, Request

    here = current()
    give(f"sancai   {__version__}")
    give(f"python   {sys.version.split()[0]} on {platform.system()} {platform.machine()}")
    give(f"torch    {torch.__version__}, {torch.get_num_threads()} threads")
    give(f"device   {here.name}, computing in {str(here.dtype).removeprefix('torch.')}")
    model = api.load()
    count = sum(p.numel() for p in model.engine.model.parameters())
    give(f"model    {model.folder.name}, {count / 1e6:.1f}M parameters")
    events = list(model.generate(Request(kind="image", prompt="a man", steps=1)))
    drawn = next(e for e in events if isinstance(e, Clip))
    give(f"drawing  works ({drawn.frames.shape[1]}×{drawn.frames.shape[2]})")


def _fit(name: str, chips: str | None) -> None:
    """Print the sizes of a released model, and how many sequences fit beside its weights."""
    from sancai.checkpoint import measure
    from sancai.device import parse_machine
    from sancai.model import named_config

    machine = parse_machine(chips) if chips else None
    sizes = measure(named_config(name), "fp8" if name.endswith("-base") else "fp4")
    give(
        f"model    {name}: {sizes.parameters / 1e9:,.1f}B parameters with MTP, {sizes.active / 1e9:.2f}B active a token"
    )
    give(f"weights  {sizes.weight_bytes:,} bytes ({sizes.weight_bytes / 2**30:,.1f} GiB)")
    give(f"cache    {sizes.cache_bytes_per_token:,.0f} bytes a token, fp8 rows and fp4 index keys")
    for length in LENGTHS:
        give(f"         {sizes.cache_bytes(length) / 2**20:>9,.1f} MiB at {length:,} tokens")
    if machine is None:
        return
    room = machine.memory_bytes * HEADROOM - sizes.weight_bytes
    told = f"{machine.count} × {machine.card.name}, {machine.memory_bytes / 1e9:,.0f} GB together"
    give(f"chips    {told} (memory: confidence {machine.card.confidence}), {HEADROOM:.0%} for weights and cache")
    if room < sizes.cache_bytes(LENGTHS[0]):
        least = -(-sizes.weight_bytes // round(machine.card.memory_gb * 10**9 * HEADROOM)) + 1
        give(f"fits     no: {-room / 1e9:,.1f} GB short; take about {least} of these chips")
        return
    give("fits     yes, weights alone split over all chips; sequences at once:")
    for length in LENGTHS:
        give(f"         {int(room // sizes.cache_bytes(length)):>9,} of {length:,} tokens")
