"""`sancai doctor`: what this machine can do, in one paste-able block."""

import platform
import sys

from sancai.commands.options import give


def run(arguments: list[str]) -> None:
    """Print versions, the device and whether the shipped model draws."""
    if arguments:
        give("usage: sancai doctor")
        return
    import torch

    from sancai import __version__, api
    from sancai.device import current
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
