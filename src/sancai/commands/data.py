"""`sancai data`: prepare the character pack, look at what training sees."""

import pathlib
import random
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import tyro

from sancai.commands.options import log, print_result
from sancai.errors import ConfigError, DataError


@dataclass(frozen=True, kw_only=True)
class PrepareOptions:
    """Build the character pack from clones of the art repositories that DATA.md names."""

    characters: pathlib.Path | None = None
    """Clone of the character art."""
    grounds: pathlib.Path | None = None
    """Clone of the ground tiles (not needed for training)."""
    pack: pathlib.Path | None = None
    """Take a finished pack's folder instead."""
    out: Annotated[pathlib.Path, tyro.conf.arg(aliases=["-o"])] = pathlib.Path("packs/characters")
    """Folder to write."""


@dataclass(frozen=True, kw_only=True)
class ShowOptions:
    """Write a sheet of random characters with their captions."""

    pack: str = "packs/characters"
    """Pack folder, or `synthetic`."""
    seed: int = 0
    """Which characters."""
    out: Annotated[pathlib.Path, tyro.conf.arg(aliases=["-o"])] = pathlib.Path("characters.png")
    """PNG to write."""


def run(arguments: list[str]) -> None:
    """Run `prepare` or `show`."""
    options = tyro.extras.subcommand_cli_from_dict(
        {"prepare": _prepare_options, "show": _show_options}, prog="sancai data", args=arguments
    )
    _prepare(options) if isinstance(options, PrepareOptions) else _show(options)


def _prepare_options(options: tyro.conf.OmitArgPrefixes[PrepareOptions]) -> PrepareOptions:
    """Build the character pack."""
    return options


def _show_options(options: tyro.conf.OmitArgPrefixes[ShowOptions]) -> ShowOptions:
    """Write a sheet of random characters."""
    return options


def _prepare(options: PrepareOptions) -> None:
    from sancai.data.characters.prepare import adopt_pack, prepare

    if (options.characters is None) == (options.pack is None):
        raise ConfigError("give either --characters CLONE (see DATA.md) or --pack FOLDER of a finished pack")
    if options.pack is not None:
        summary = adopt_pack(options.pack, options.out)
    elif options.characters is not None:
        summary = prepare(options.characters, options.grounds, options.out)
    log(f"{summary.species} species, {summary.items} items, {summary.sheets} sheets, {summary.frames} frames")
    print_result(str(options.out))


def _show(options: ShowOptions) -> None:
    from sancai import media
    from sancai.data.characters.captions import caption
    from sancai.data.characters.packs import open_pack
    from sancai.data.characters.split import draw_character

    library, rng = open_pack(options.pack), random.Random(options.seed)
    if options.out.suffix.lower() != ".png":
        raise DataError(f"{options.out} is not a PNG name; sheets are written as .png")
    media.check_writable(options.out, force=True)
    rows = []
    for _ in range(8):
        who, direction = draw_character(library, rng)
        rows.append(np.concatenate(list(library.clip(who, direction)), 1))
        print_result(caption(library, who, direction))
    media.write_file(options.out, media.png_bytes(media.enlarge(np.concatenate(rows)[None], 2)[0]))
    print_result(str(options.out))
