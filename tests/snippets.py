"""Code in documents: fenced blocks, and how they are run in the folder that a reader would sit in."""

import pathlib
import re
import shlex
import sys
import tomllib
import types
from dataclasses import dataclass
from typing import Any

from sancai.cli import COMMANDS, main

ROOT = pathlib.Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^```(?P<language>\w+)(?: (?P<note>[^\n]*))?\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Snippet:
    """A fenced block: its language, its code, the line where it begins, and what its info string says.

    title: the file that a reader saves it as.  is_checked: commands that are looked at and not run.
    """

    language: str
    code: str
    line: int
    title: str | None = None
    is_checked: bool = False


def snippets(path: pathlib.Path) -> list[Snippet]:
    """Return the fenced blocks of a document that name a language."""
    text = path.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        note = match["note"] or ""
        title = re.search(r'title="([^"]+)"', note)
        line = text.count("\n", 0, match.start("code")) + 1
        found.append(Snippet(match["language"], match["code"], line, title[1] if title else None, "check" in note))
    return found


def run_all(path: pathlib.Path, folder: pathlib.Path) -> None:
    """Save, run or check every block of a document, in order, in the current folder `folder`."""
    module = types.ModuleType(f"snippets_of_{path.stem.replace('-', '_')}")
    sys.modules[module.__name__] = module
    for snippet in snippets(path):
        if snippet.title:
            (folder / snippet.title).write_text(snippet.code, encoding="utf-8")
            if snippet.title == "pyproject.toml":
                register(tomllib.loads(snippet.code)["project"], folder)
        elif snippet.language == "python":
            code = "\n" * (snippet.line - 1) + snippet.code  # tracebacks show lines of the document
            exec(compile(code, str(path), "exec"), module.__dict__)
        elif snippet.language == "sh":
            for command in snippet.code.splitlines():
                run_command(shlex.split(command, comments=True), is_run=not snippet.is_checked)


def register(project: dict[str, Any], folder: pathlib.Path) -> None:
    """Make the entry points of a project known, as its installation from this folder would."""
    metadata = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n", encoding="utf-8"
    )
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in points.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def run_command(words: list[str], *, is_run: bool) -> None:
    """Run a `sancai` command in this process, or check that a command of any program is there."""
    program, *rest = words
    assert program in ("sancai", "make", "python", "torchrun"), f"no reader was told of {program}"
    if program == "make":
        targets = re.findall(r"^([\w-]+):(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        assert {word for word in rest if "=" not in word} <= set(targets), words
    elif program == "sancai" and is_run:
        assert main(rest) == 0, words
    elif "sancai" in words:
        assert words[words.index("sancai") + 1] in COMMANDS, words
