"""Writing results: whole or not at all, with clear errors."""

import itertools
import pathlib
import tempfile

from sancai.errors import MediaError
from sancai.files import atomic_write


def check_writable(path: pathlib.Path, force: bool) -> None:
    """Refuse early what could not be written later."""
    folder = path.parent
    if path.is_dir():
        raise MediaError(f"{path} is a folder; name a file in it")
    if path.exists() and not force:
        raise MediaError(f"{path} exists already; choose another name or pass --force to replace it")
    if not folder.is_dir():
        raise MediaError(f"the folder {folder} does not exist; create it or choose another")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise MediaError(f"cannot write into {folder} ({error.strerror}); choose another folder") from error


def write_file(path: pathlib.Path, content: bytes, *, replace: bool = True) -> None:
    """Write a file so that nobody ever sees half of it.

    Args:
        replace: whether an existing file may be replaced; checked when the file gets its name, not before.

    Raises:
        MediaError: it cannot be written, or exists and may not be replaced.
    """
    if not _write(path, content, replace):
        raise MediaError(f"{path} exists already; choose another name or pass --force to replace it")


def write_unused(path: pathlib.Path, content: bytes) -> pathlib.Path:
    """Write a file under the first unused of the names `knight.png`, `knight-2.png`, ...; return that name.

    Processes that do this at once get different names.
    """
    for number in itertools.count(2):
        if _write(path, content, replace=False):
            return path
        path = path.with_stem(f"{path.stem.removesuffix(f'-{number - 1}')}-{number}")
    raise AssertionError("unreachable")


def _write(path: pathlib.Path, content: bytes, replace: bool) -> bool:
    """Write a file; return False if it exists and may not be replaced."""
    try:
        with atomic_write(path, shared=True, replace=replace) as partial:
            partial.write_bytes(content)
    except FileExistsError:
        return False
    except OSError as error:
        raise MediaError(
            f"cannot write {path} ({error.strerror}); is the disk full or the folder read-only?"
        ) from error
    return True
