"""Starting is quick: the door loads no network library and does nothing by itself."""

import json
import os
import pathlib
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEAVY = ("torch", "numpy", "PIL", "av", "tyro", "tokenizers", "safetensors", "rich")
HELP_SECONDS = 1.5


def _python(*arguments, **options):
    """Run Python on the source tree; return the finished process."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=True, **options
    )


def _loaded(code):
    """Return the heavy libraries that running `code` has loaded."""
    report = f"import json, sys; sys.stderr.write(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    return json.loads(_python("-c", f"{code}\n{report}").stderr)


@pytest.mark.parametrize(
    "code", ["import sancai", "import sancai.cli", "import sancai.cli; sancai.cli.main(['--help'])"]
)
def test_door_loads_nothing_heavy(code):
    assert _loaded(code) == []


def test_import_leaves_no_trace(tmp_path):
    done = _python("-W", "error", "-c", "import sancai", cwd=tmp_path)
    assert (done.stdout, done.stderr, list(tmp_path.iterdir())) == ("", "", [])


def test_import_changes_no_global_state():
    code = (
        "import logging, os, random, sys, threading, warnings\n"
        "def state():\n"
        "    return (dict(os.environ), os.getcwd(), random.getstate(), list(warnings.filters), sys.path[:],\n"
        "            threading.active_count(), logging.root.handlers[:])\n"
        "before = state()\n"
        "import sancai, sancai.cli\n"
        "assert state() == before"
    )
    _python("-c", code)


@pytest.mark.slow
def test_every_public_name_exists():
    _python("-c", "import sancai; [getattr(sancai, name) for name in sancai.__all__]")


def test_help_answers_at_once():
    fastest = float("inf")
    for _ in range(3):
        started = time.monotonic()
        done = _python("-m", "sancai", "--help")
        fastest = min(fastest, time.monotonic() - started)
    assert "usage" in done.stdout
    assert fastest < HELP_SECONDS, f"sancai --help took {fastest:.2f} s, at most {HELP_SECONDS} s are wanted"


def test_every_command_exists():
    from sancai.cli import COMMANDS

    missing = [n for n in COMMANDS if not (ROOT / "src" / "sancai" / "commands" / f"{n}.py").is_file()]
    assert missing == [], f"commands without a module: {missing}"
