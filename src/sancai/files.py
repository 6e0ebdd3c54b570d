"""Files that are written whole or not at all: under their name stands what was there before, or everything new."""

import contextlib
import errno
import os
import pathlib
import secrets
from collections.abc import Iterator

NO_FSYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)
"""What file systems answer that know no waiting."""


@contextlib.contextmanager
def atomic_write(path: pathlib.Path, *, shared: bool = False) -> Iterator[pathlib.Path]:
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
    """Wait until a file's bytes are on the disk: a name must not stand for bytes that a power cut can still take."""
    with path.open("rb+") as file:
        try:
            os.fsync(file.fileno())
        except OSError as error:
            if error.errno not in NO_FSYNC:
                raise
