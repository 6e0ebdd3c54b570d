"""Print the size of the house: lines of files and functions in src, and what is near its stop.

python scripts/size.py [folder]
"""

import ast
import pathlib
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILE_STOP, FUNCTION_STOP, FUNCTION_MEDIAN = 600, 60, 10
SHOWN = 5


@dataclass(frozen=True, order=True)
class Size:
    """Lines of one file or function, and where it stands."""

    lines: int
    where: str


def python_files(folder: pathlib.Path) -> list[pathlib.Path]:
    """Return all Python files below a folder."""
    return sorted(folder.rglob("*.py"))


def file_sizes(folder: pathlib.Path) -> list[Size]:
    """Return the lines of each file."""
    return [Size(len(p.read_text(encoding="utf-8").splitlines()), _name(p)) for p in python_files(folder)]


def function_sizes(folder: pathlib.Path) -> list[Size]:
    """Return the lines of each function and method, from `def` to its last line."""
    out = []
    for path in python_files(folder):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                out.append(Size(lines, f"{_name(path)}:{node.lineno} {node.name}"))
    return out


def percentile(sizes: Sequence[Size], share: float) -> int:
    """Return the smallest number of lines that `share` of all stay within."""
    ordered = sorted(s.lines for s in sizes)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def table(folder: pathlib.Path) -> str:
    """Return the report as text."""
    files, functions = file_sizes(folder), function_sizes(folder)
    if not files or not functions:
        return f"no Python code in {folder}\n"
    rows = [f"{'':<10}{'count':>7}{'lines':>8}{'median':>8}{'p90':>6}{'max':>6}{'stop':>6}"]
    for name, sizes, stop in (("files", files, FILE_STOP), ("functions", functions, FUNCTION_STOP)):
        median = statistics.median(s.lines for s in sizes)
        total = sum(s.lines for s in sizes)
        rows.append(
            f"{name:<10}{len(sizes):>7}{total:>8}{median:>8g}{percentile(sizes, 0.9):>6}{max(sizes).lines:>6}{stop:>6}"
        )
    for name, sizes in (("files", files), ("functions", functions)):
        rows += ["", f"largest {name}", *(f"{s.lines:>6}  {s.where}" for s in sorted(sizes, reverse=True)[:SHOWN])]
    return "\n".join(rows) + "\n"


def _name(path: pathlib.Path) -> str:
    """Return a path as seen from the root of the project."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


if __name__ == "__main__":
    sys.stdout.write(table(pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT / "src"))
