"""Words that stay in their place: vendors in two folders, prints nowhere, no one's own paths."""

import ast
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "sancai"
VENDOR_ROOMS = (SRC / "device", SRC / "ops" / "backends")
VENDORS = re.compile(
    r"\b(cuda|nvidia|cudnn|nccl|amd|rocm|ascend|npu|huawei|cambricon|mlu|moore.?threads|musa|mps|xpu|hygon|iluvatar)\b",
    re.IGNORECASE,
)
OWN_PATHS = re.compile(r"(?<![\w.:/<-])/(?:" + "|".join(("work", "tmp", "home", "root", "Users")) + r")/\w")
OTHER_TREES = re.compile(r"(?<![\w./-])" + "shared" + r"/\w")
NOT_OURS = {".git", ".venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".import_linter_cache"}
NOT_TEXT = {".safetensors", ".png", ".gif", ".webp", ".mp4", ".apng", ".npz", ".npy", ".pt"}
PRINTING = {"print", "pprint", "breakpoint"}
SOURCES = sorted(SRC.rglob("*.py"))


def project_files():
    """Return the files of the project: what git tracks or would add, or everything in a plain folder."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
        found = [ROOT / name for name in done.stdout.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        found = [p for p in ROOT.rglob("*") if not NOT_OURS & set(p.relative_to(ROOT).parts)]
    return sorted(p for p in found if p.is_file() and p.suffix not in NOT_TEXT)


def lines_with(pattern, paths):
    """Return `file:line text` of every line that holds the pattern."""
    out = []
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        lines = enumerate(text.splitlines(), 1)
        out += [f"{path.relative_to(ROOT)}:{n} {line.strip()[:120]}" for n, line in lines if pattern.search(line)]
    return out


def test_vendors_are_named_in_two_folders_only():
    outside = [p for p in SOURCES if not any(p.is_relative_to(room) for room in VENDOR_ROOMS)]
    assert lines_with(VENDORS, outside) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(SRC)))
def test_library_never_prints(path):
    calls = [n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.Call)]
    prints = [c.lineno for c in calls if isinstance(c.func, ast.Name) and c.func.id in PRINTING]
    assert prints == [], f"{path.relative_to(ROOT)} prints in lines {prints}; write through telemetry or the command"


def test_no_file_names_a_path_of_one_machine():
    assert lines_with(OWN_PATHS, project_files()) == []


def test_no_file_points_outside_the_project():
    assert lines_with(OTHER_TREES, project_files()) == []
