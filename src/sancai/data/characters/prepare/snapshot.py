"""Reads files of the last commit in a git repository, without a work tree.

with Snapshot(pathlib.Path("lpc-generator")) as art:
    picture = art.image("spritesheets/body/walk.png")      # uint8 [height, width, 4]
"""

import io
import json
import pathlib
import subprocess
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from sancai.errors import DataError


class Snapshot:
    """The files of HEAD; accepts a clone's folder or a bare git folder."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self._command = ["git", f"--git-dir={_git_dir(folder)}"]
        self.commit = self._git("rev-parse", "--verify", "HEAD").decode().strip()
        self.blobs = dict(_listed(self._git("ls-tree", "-rz", "HEAD").decode()))
        self._reader = subprocess.Popen(
            [*self._command, "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __enter__(self) -> "Snapshot":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __contains__(self, path: str) -> bool:
        return path in self.blobs

    def close(self) -> None:
        """End the reading process."""
        self._reader.communicate()

    def read(self, path: str) -> bytes:
        """Return the bytes of one file."""
        if path not in self.blobs:
            raise DataError(
                f"{path} is missing in {self.folder} at commit {self.commit[:12]}; "
                "check that this is the right repository and commit"
            )
        data = self._blob(self.blobs[path])
        if data is None:
            raise DataError(
                f"{path} is listed in {self.folder} but its content is not there (a partial clone?); "
                "clone the repository in full"
            )
        return data

    def json(self, path: str) -> Any:
        """Return the parsed content of a JSON file."""
        try:
            return json.loads(self.read(path))
        except ValueError as error:
            raise DataError(f"{path} in {self.folder} is not JSON ({error}); use another commit") from error

    def image(self, path: str) -> np.ndarray:
        """Return a picture: uint8 [height, width, 4]."""
        try:
            return np.array(Image.open(io.BytesIO(self.read(path))).convert("RGBA"))
        except (UnidentifiedImageError, OSError) as error:
            raise DataError(f"{path} in {self.folder} is not a picture ({error}); use another commit") from error

    def _blob(self, name: str) -> bytes | None:
        stdin, stdout = self._reader.stdin, self._reader.stdout
        assert stdin is not None and stdout is not None
        stdin.write(name.encode() + b"\n")
        stdin.flush()
        header = stdout.readline().split()
        if len(header) != 3:
            return None
        data = stdout.read(int(header[2]))
        stdout.read(1)
        return data

    def _git(self, *arguments: str) -> bytes:
        try:
            return subprocess.run([*self._command, *arguments], check=True, capture_output=True).stdout
        except FileNotFoundError as error:
            raise DataError("the program git was not found; install git to build a pack") from error
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode(errors="replace").strip()
            raise DataError(
                f"git cannot read a commit in {self.folder} ({said}); clone the repository again"
            ) from error


def _git_dir(folder: pathlib.Path) -> pathlib.Path:
    """Return the git folder of a clone or a bare repository; never one of a parent folder."""
    if not folder.is_dir():
        raise DataError(f"no folder {folder}; expected a git repository with the art; clone it there first")
    if (folder / ".git").exists():
        return folder / ".git"
    if (folder / "HEAD").is_file() and (folder / "objects").is_dir():
        return folder
    raise DataError(
        f"{folder} is not a git repository: expected a clone (with .git) or a bare git folder (with HEAD and objects); "
        "clone the art with git instead of unpacking an archive"
    )


def _listed(listing: str) -> list[tuple[str, str]]:
    """Return (path, object name) of each line of `git ls-tree -rz`."""
    lines = [line.split("\t", 1) for line in listing.split("\0") if line]
    return [(path, about.split()[2]) for about, path in lines]
