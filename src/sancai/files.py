"""Atomic file writes: a reader sees the old content or the new one, never a part of it."""

import contextlib
import errno
import os
import pathlib
import secrets
from collections.abc import Iterator

NO_FSYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)
"""errno values of file systems without fsync."""


@contextlib.contextmanager
def atomic_write(path: pathlib.Path, *, shared: bool = False) -> Iterator[pathlib.Path]:
    """Yield a temporary path next to `path`; rename it over `path` on success, delete it on error.

    Args:
        shared: several processes may write the file at once, so each gets its own temporary path.
    """
    suffix = f".{secrets.token_hex(4)}.partial" if shared else ".partial"
    partial = path.with_name(path.name + suffix)
    try:
        yield partial
        _fsync(partial)
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def _fsync(path: pathlib.Path) -> None:
    """Flush a file to the disk, so that a power failure after the rename cannot lose its content."""
    with path.open("rb+") as file:
        try:
            os.fsync(file.fileno())
        except OSError as error:
            if error.errno not in NO_FSYNC:
                raise
