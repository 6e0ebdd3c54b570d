"""Files that are written whole or not at all, even if the power fails."""

import contextlib
import os
import pathlib
import secrets
from collections.abc import Iterator


@contextlib.contextmanager
def written_whole(path: pathlib.Path, *, shared: bool = False) -> Iterator[pathlib.Path]:
    """Yield a place beside `path` to write to; it takes the place of `path` if all goes well, and goes otherwise.

    Args:
        shared: several processes may write the same file at once: each gets a place of its own.
    """
    suffix = f".{secrets.token_hex(4)}.partial" if shared else ".partial"
    partial = path.with_name(path.name + suffix)
    try:
        yield partial
        _settle(partial)
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def _settle(path: pathlib.Path) -> None:
    """Wait until a file's bytes are on the disk: a new name must never stand for bytes that are not there yet."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
