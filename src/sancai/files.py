"""Files that are written whole or not at all: under their name stands what was there before, or everything new."""

import contextlib
import errno
import os
import pathlib
import secrets
from collections.abc import Iterator

NO_FSYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)
"""What file systems answer that know no waiting."""

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
"""errno values of a full disk or quota."""
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)
"""errno values of file systems without hard links."""


@contextlib.contextmanager
def atomic_write(path: pathlib.Path, *, shared: bool = False, replace: bool = True) -> Iterator[pathlib.Path]:
    """Yield a temporary path next to `path`; rename it over `path` on success, delete it on error.

    Args:
        shared: several processes may write the same file at once: each gets a temporary path of its own.
        replace: whether an existing file may be replaced.

    Raises:
        FileExistsError: `path` exists and may not be replaced.
    """
    suffix = f".{secrets.token_hex(4)}.partial" if shared else ".partial"
    partial = path.with_name(path.name + suffix)
    try:
        yield partial
        _settle(partial)
        _give_name(partial, path, replace)
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


def is_disk_full(error: BaseException | None) -> bool:
    """Return whether an error, or one that it came from, says that no room is left on a disk."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            return True
        if "os error 28" in str(error):  # what libraries written in Rust say
            return True
        error = error.__cause__ or error.__context__
    return False


def _give_name(partial: pathlib.Path, path: pathlib.Path, replace: bool) -> None:
    """Rename a finished file; a hard link fails where the name is taken, which no check before it could promise."""
    if replace:
        os.replace(partial, path)
        return
    try:
        os.link(partial, path)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
        os.replace(partial, path)
    else:
        partial.unlink()
