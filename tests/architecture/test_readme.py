"""What the documents promise is there: the map's paths, links, commands, and one version everywhere."""

import importlib
import json
import pathlib
import re
import tomllib

import pytest

from sancai import __version__
from sancai.api import MODELS, SHIPPED
from sancai.cli import COMMANDS
from sancai.tokenizer import find_words
from scripts import showcase

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md")))
BUILT = {".venv", "runs", "packs", "demo"}
"""Folders that commands make."""
BRANCH = re.compile(r"^(?P<indent>[│ \u00a0]*)[├└]──? *(?P<name>[^\s#]+)")
INDENT = 4


@pytest.fixture(params=DOCUMENTS)
def document(request):
    path = ROOT / request.param
    assert path.is_file(), f"{request.param} is missing"
    return path.read_text(encoding="utf-8")


def fenced_blocks(text):
    """Return the contents of all fenced blocks."""
    return re.findall(r"^```[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def code(text):
    """Return everything set as code: fenced blocks and `spans`."""
    rest = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return "\n".join([*fenced_blocks(text), *re.findall(r"`([^`\n]+)`", rest)])


def tree_paths(block):
    """Return the paths of a drawn tree.

    >>> tree_paths("sancai/\\n├── src/\\n│   └── a.py  what\\n└── docs/")
    ['src', 'src/a.py', 'docs']
    """
    parents, out = [], []
    for line in block.splitlines():
        branch = BRANCH.match(line)
        if not branch:
            continue
        depth = len(branch["indent"]) // INDENT
        parents = [*parents[:depth], branch["name"].rstrip("/,")]
        out.append("/".join(parents))
    return out


def test_readme_draws_a_map():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert any(tree_paths(b) for b in fenced_blocks(text)), "README.md has no tree of the project"


def test_every_path_of_the_map_exists(document):
    paths = [p for block in fenced_blocks(document) for p in tree_paths(block)]
    assert [p for p in paths if p.split("/")[0] not in BUILT and not (ROOT / p).exists()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_somewhere(name):
    document = (ROOT / name).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#\s]+)", document) + re.findall(r'(?:src|href)="([^"#]+)"', document)
    inside = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in inside if not (ROOT / name).parent.joinpath(link).exists()] == []


def test_every_make_target_exists(document):
    targets = set(re.findall(r"^([\w-]+):(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?<![\w-])make ([a-z][\w-]*)", code(document)))
    assert named <= targets, f"no such targets: {named - targets}"


def test_every_command_exists(document):
    named = set(re.findall(r"^\W*sancai ([a-z]+)", code(document), re.MULTILINE))
    assert named <= set(COMMANDS), f"no such commands: {named - set(COMMANDS)}"


def test_every_recipe_exists(document):
    for module, function in re.findall(r"\b(recipes\.\w+):(\w+)", code(document)):
        assert callable(getattr(importlib.import_module(module), function))


def test_the_times_are_those_that_were_measured():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    measured = json.loads((ROOT / "benchmarks" / "results" / "laptop.json").read_text(encoding="utf-8"))
    rows = {
        "a picture": f"{measured['sprite_seconds']:.2g} s", "a clip": f"{measured['clip_seconds']:.2g} s",
        "text": f"{measured['tokens_per_second']:.2g} tokens a second",
        "a command": f"{measured['start_up_seconds']:.2g} s",
    }  # fmt: skip
    assert [
        row for row, time in rows.items() if not re.search(rf"^\| {row}[^|]*\| {time} \|$", text, re.MULTILINE)
    ] == []
    assert measured["threads"] == 2 and measured["machine"] == "Linux x86_64"


def test_prompts_that_work_are_those_of_the_picture_in_words_that_the_model_knows():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    prompts = re.findall(r"^- (.*)$", text.partition("## Prompts that work")[2].partition("\n## ")[0], re.MULTILINE)
    assert len(prompts) >= 5 and set(prompts) <= {*showcase.SPRITES, *showcase.CLIPS}
    known = set(json.loads((MODELS / SHIPPED / "words.json").read_text(encoding="utf-8")))
    assert [w for p in prompts for w in find_words(p) if w not in known and not set(w.split("-")) <= known] == []


def test_one_version_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changes = re.findall(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    cited = re.findall(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    assert project["version"] == __version__ == changes[0] == cited[0]
