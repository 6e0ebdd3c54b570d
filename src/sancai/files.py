"""Atomic file writes: a reader sees the old content or the new one, never a part of it."""

import contextlib
import errno
import os
import pathlib
import secrets
from collections.abc import Iterator

NO_FSYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)
"""errno values of file systems without fsync."""

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
"""errno values of a full disk or quota."""
LFS_HEADER = b"version https://git-lfs.github.com/spec/"
"""How the text begins that Git checks out in place of a large file that was not fetched."""
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)
"""errno values of file systems without hard links."""


@contextlib.contextmanager
def atomic_write(path: pathlib.Path, *, shared: bool = False, replace: bool = True) -> Iterator[pathlib.Path]:
    """Yield a temporary path next to `path`; rename it over `path` on success, delete it on error.

    Args:
        shared: several processes may write the file at once, so each gets its own temporary path.
        replace: whether an existing file may be replaced.

    Raises:
        FileExistsError: `path` exists and may not be replaced.
    """
    suffix = f".{secrets.token_hex(4)}.partial" if shared else ".partial"
    partial = path.with_name(path.name + suffix)
    try:
        yield partial
        _fsync(partial)
        _rename(partial, path, replace)
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


def is_disk_full(error: BaseException | None) -> bool:
    """Return whether an error, or one of its causes, says that a disk is full."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            return True
        if "os error 28" in str(error):  # message of libraries written in Rust
            return True
        error = error.__cause__ or error.__context__
    return False


def is_lfs_pointer(path: pathlib.Path) -> bool:
    """Return whether a file is only the pointer that Git LFS leaves in place of its content."""
    try:
        with path.open("rb") as file:
            return file.read(len(LFS_HEADER)) == LFS_HEADER
    except OSError:
        return False


def lfs_message(path: pathlib.Path) -> str:
    """Return what to say about a Git LFS pointer."""
    return (
        f"{path} is a Git LFS pointer, not the file itself; run `git lfs pull` in its repository, or download the file"
    )


def _rename(partial: pathlib.Path, path: pathlib.Path, replace: bool) -> None:
    """Rename a file; without `replace` by a hard link, which fails atomically if the name exists."""
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
