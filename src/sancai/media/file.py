"""Writing results: whole or not at all, with clear errors."""

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


def write_file(path: pathlib.Path, content: bytes) -> None:
    """Write a file so that nobody ever sees half of it."""
    try:
        with atomic_write(path) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise MediaError(
            f"cannot write {path} ({error.strerror}); is the disk full or the folder read-only?"
        ) from error
