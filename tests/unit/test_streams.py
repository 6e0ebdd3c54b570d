"""The command line in environments that are not UTF-8, with readers that leave and disks that are full."""

import io
import os
import pathlib
import subprocess
import sys

import pytest

from sancai.cli import main
from sancai.commands.options import read_prompt, unused_path
from sancai.commands.streams import file_name, prepare_streams, utf8_text
from sancai.errors import RequestError
from sancai.tokenizer import Tokenizer

SANCAI = [sys.executable, "-m", "sancai"]
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def run(arguments: list[str | bytes], folder: pathlib.Path, **more: str) -> subprocess.CompletedProcess[bytes]:
    environment = {n: v for n, v in os.environ.items() if not n.startswith(("LC_", "LANG", "PYTHONIO"))} | more
    return subprocess.run([*SANCAI, *arguments], cwd=folder, env=environment, capture_output=True)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "gbk"])
@pytest.mark.parametrize("arguments", [["image", "--help"], ["video", "--help"], ["--help"]], ids=" ".join)
def test_help_needs_no_utf8(arguments: list[str], encoding: str, tmp_path: pathlib.Path) -> None:
    done = run(arguments, tmp_path, PYTHONIOENCODING=encoding)
    assert done.returncode == 0 and done.stderr == b"" and len(done.stdout.decode(encoding)) > 300


@pytest.mark.slow
def test_a_prompt_of_other_letters_names_its_file_in_an_ascii_locale(tmp_path: pathlib.Path) -> None:
    done = run(["image", "ein schöner Ritter", "--steps", "1"], tmp_path, **ASCII)
    assert done.returncode == 0 and b"never seen ein, " in done.stderr
    assert os.listdir(os.fsencode(tmp_path)) == ["ein-schöner-ritter.png".encode()]
    assert done.stdout.strip() == "ein-schöner-ritter.png".encode()


@pytest.mark.parametrize("more", [{}, ASCII], ids=["utf-8", "ascii"])
def test_an_argument_that_is_not_utf8_is_a_clear_error(tmp_path: pathlib.Path, more: dict[str, str]) -> None:
    done = run(["image", "a knight", "-o", b"ritter-\xfc.png"], tmp_path, **more)
    assert done.returncode == 2 and done.stderr.startswith(b"error: argument 4 is not UTF-8")
    assert not list(tmp_path.iterdir())


def closed_pipe(arguments: list[str]) -> tuple[int, bytes]:
    """Run a command whose output nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*SANCAI, *arguments], stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    return done.returncode, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", [["--help"], ["image", "--help"], ["doctor", "--model", "v4-flash"]], ids=" ".join
)
def test_a_reader_that_leaves_is_no_fault(arguments: list[str]) -> None:
    assert closed_pipe(arguments) == (141, b"")


@pytest.mark.slow
@pytest.mark.skipif(not pathlib.Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", [["--help"], ["doctor", "--model", "v4-flash"]], ids=" ".join)
def test_output_onto_a_full_disk_is_told_as_such(arguments: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*SANCAI, *arguments], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 4 and done.stderr.startswith(b"error: ") and done.stderr.count(b"\n") == 1
    assert b"No space left on device" in done.stderr and b"bug" not in done.stderr


def test_closed_streams_are_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["--version"]) == 0
    sys.stdout.close()
    sys.stderr.close()


def test_characters_that_an_encoding_lacks_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "cp1252", errors="strict"))
    prepare_streams()
    sys.stdout.write("… × ü → 骑 \udcc3\udcbc")
    sys.stdout.flush()
    assert written.getvalue() == "… × ü -> \\u9a91 ".encode("cp1252") + "ü".encode()


@pytest.mark.parametrize("given", [b"\xff\xfe", "ü".encode("latin-1")])
def test_standard_input_that_is_not_text_is_refused(given: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    from sancai.commands.chat import ChatOptions

    for errors in ("strict", "surrogateescape"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given), "utf-8", errors=errors))
        with pytest.raises(RequestError, match="standard input is not"):
            read_prompt(ChatOptions())


def test_closed_standard_input_is_an_empty_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    from sancai.commands.chat import ChatOptions

    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(RequestError, match="the prompt is empty"):
        read_prompt(ChatOptions())


def test_text_is_read_as_utf8_under_any_encoding(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    escaped = "schön".encode().decode("ascii", "surrogateescape")
    assert utf8_text(escaped, "x") == "schön" == utf8_text("schön", "x")
    assert os.fsencode(file_name("骑")) == "骑".encode()
    assert os.fsencode(unused_path("骑", ".png")) == "骑.png".encode()


def test_half_a_surrogate_pair_is_refused_by_name() -> None:
    with pytest.raises(RequestError, match=r"'a knight\\ud83d' holds half a surrogate pair"):
        Tokenizer.train(["a few words"], 300).encode("a knight\ud83d")
