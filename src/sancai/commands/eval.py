"""`sancai eval characters`: exact scores on held-out compositions."""

import json
import pathlib
from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from sancai.commands.options import load, log, parse, print_result
from sancai.media import check_writable, write_file


@dataclass(frozen=True, kw_only=True)
class EvalOptions:
    """Score a model by programs, next to real, blurred and unrelated pictures."""

    suite: tyro.conf.Positional[Literal["characters"]] = "characters"
    """What to score."""
    pack: str = "packs/characters"
    """Folder of the character pack, or `synthetic`."""
    model: Annotated[str, tyro.conf.arg(aliases=["-m"])] = "tiny"
    """`tiny` or a model folder."""
    images: int = 512
    """Compositions drawn from text."""
    clips: int = 512
    """Compositions filmed from text, and animated from a picture."""
    reads: int = 512
    """Questions about pictures."""
    sums: int = 512
    """Two-digit additions."""
    steps: int | None = None
    """Denoising steps; by default what the model says."""
    guidance: float | None = None
    """Guidance; by default what the model says."""
    sampler: Literal["euler", "heun", "multistep", "sde"] | None = None
    """How denoising steps are taken; by default what the model says."""
    split: Literal["held-out", "validation"] = "held-out"
    """`held-out` for results; `validation` (compositions that training may see) to choose settings by."""
    out: Annotated[pathlib.Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Also write the table as JSON."""
    device: str = "auto"
    """`auto`, `cpu`, a chip of docs/chips.md or a device type."""


def run(arguments: list[str]) -> None:
    """Score and print a table."""
    options = parse("eval", EvalOptions, arguments)
    if options.out is not None:
        check_writable(options.out, force=True)
    from sancai.data.characters.packs import open_pack
    from sancai.evals import CharacterSuite, EvalConfig

    library, model = open_pack(options.pack), load(options.model, options.device)
    sampling = model.engine.generation.sampling.replace(
        steps=options.steps, guidance=options.guidance, sampler=options.sampler
    )
    config = EvalConfig(
        images=options.images, clips=options.clips, reads=options.reads, sums=options.sums, sampling=sampling,
        split=options.split,
    )  # fmt: skip
    report = CharacterSuite(model, library, config, log).run()
    for suite, table in report.items():
        print_result(suite)
        names = sorted({n for scores in table.values() for n in scores})
        print_result(f"  {'':<22}" + "".join(f"{c:>11}" for c in table))
        for name in names:
            print_result(
                f"  {name:<22}" + "".join(f"{t[name]:>11.3f}" if name in t else f"{'':>11}" for t in table.values())
            )
    if options.out is not None:
        write_file(options.out, json.dumps(report, indent=1).encode())
