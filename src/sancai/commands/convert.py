"""`sancai convert`: write a model folder in another format."""

import pathlib
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import tyro

from sancai.commands.options import byte_bar, parse, print_result
from sancai.errors import CheckpointError

MAX_GIB = 1024
FORMATS = {
    "official-bf16": "bf16", "official-fp8": "fp8", "official-fp4": "fp4",
    "sancai-bf16": "bf16", "sancai-fp8": "fp8", "sancai-fp4": "fp4",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ConvertOptions:
    """Convert a folder in DeepSeek's, transformers' or Sancai's format to another weight format."""

    source: tyro.conf.Positional[pathlib.Path]
    """Model folder: config.json and safetensors, in one file or many with an index."""
    out: Annotated[pathlib.Path, tyro.conf.arg(aliases=["-o"])]
    """Output folder."""
    to: Literal["official-bf16", "official-fp8", "official-fp4", "sancai-bf16", "sancai-fp8", "sancai-fp4"] = (
        "official-bf16"
    )
    """official: the text half in DeepSeek's own layout (transformers opens it if all compression ratios are 0, 4
    or 128); sancai: both halves, for Sancai alone.  bf16 throughout; fp8 matrices; or fp8 with routed experts in fp4,
    as released."""
    shard_gib: float = 4.0
    """Largest size of one file, in GiB."""
    force: bool = False
    """Replace a model that an earlier conversion wrote, and write beside files of others, which stay as they are."""


def run(arguments: list[str]) -> None:
    """Convert; the same command resumes an interrupted conversion."""
    options = parse("convert", ConvertOptions, arguments)
    if not 0 < options.shard_gib < MAX_GIB:
        raise CheckpointError(
            f"--shard-gib is {options.shard_gib}; choose a number above 0 and below {MAX_GIB}, such as 4"
        )
    if options.source.resolve() == options.out.resolve():
        raise CheckpointError("source and target are the same folder; name another with -o")
    from sancai import checkpoint

    if not options.force:
        _check_folder(checkpoint.Target(options.out))
    _convert(checkpoint, options)
    print_result(str(options.out))


def _check_folder(target: Any) -> None:
    """Refuse an output folder that holds a finished model or anything else that no conversion wrote."""
    if target.is_complete:
        raise CheckpointError(f"{target.folder} holds a model; name another folder or pass --force to replace it")
    foreign = target.foreign()
    if foreign:
        raise CheckpointError(
            f"{target.folder} holds files that sancai did not write ({', '.join(foreign)}, …); name another folder, or "
            "pass --force to write beside them"
        )


def _convert(checkpoint: Any, options: ConvertOptions) -> None:
    """Convert, with a progress bar on a terminal."""
    weight_format, include_visual = FORMATS[options.to], options.to.startswith("sancai")
    total = checkpoint.converted_bytes(options.source, weight_format, include_visual=include_visual)
    with byte_bar("converting") as on_bytes:
        on_bytes(0, total)
        checkpoint.convert(
            options.source, options.out, weight_format, round(options.shard_gib * 2**30),
            lambda done: on_bytes(done, total), include_visual=include_visual,
        )  # fmt: skip
