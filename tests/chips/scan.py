"""The rules for model code that can be read off the source.

    1  every factory names device= and dtype=
    2  no float64, no complex numbers
    4  no value is read on the host, nothing is copied to or from it, but through sancai.device.transfer
    5  no shape depends on values
    6  no factorisations
    7  no operator that chips lack, outside the rooms of kernels
    8  masks are finite (inside a kernel of Triton's, `tl`, they may be infinite)
    9  files are written in `checkpoint` only, from host tensors
    10 devices are named in `device` and `ops/backends` only

The fake device checks at run time what the source does not show (which tensors are on the device).
"""

import ast
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[2] / "src" / "sancai"
ROOMS = ("model", "ops", "flow", "sequence", "engine", "train", "codec")
"""Where code may run on a device."""
FACTORIES = {
    "zeros", "ones", "empty", "full", "arange", "tensor", "rand", "randn", "randint", "randperm", "eye", "linspace",
    "logspace", "scalar_tensor", "empty_strided", "as_tensor",
}  # fmt: skip
FP64_OR_COMPLEX = {
    "float64", "double", "cdouble", "cfloat", "complex", "complex64", "complex128", "view_as_complex", "polar", "fft",
}  # fmt: skip
HOST_READS = {"item", "tolist", "cpu", "numpy"}
DYNAMIC = {"nonzero", "masked_select", "unique", "unique_consecutive", "argwhere", "bincount", "histc"}
FACTORED = {
    "cholesky", "qr", "svd", "eigh", "eig", "inv", "inverse", "pinverse", "lu", "det", "slogdet", "solve", "lstsq",
    "solve_triangular", "matrix_exp",
}  # fmt: skip
UNSUPPORTED = {
    "segment_reduce", "index_reduce", "searchsorted", "bucketize", "_int_mm", "_scaled_mm", "_grouped_mm",
    "logcumsumexp", "poisson",
}  # fmt: skip
FILLS = {"masked_fill", "masked_fill_", "where", "full", "full_like", "new_full", "fill_"}
WRITERS = {"save", "save_file"}
VENDOR_WORDS = {"cuda", "npu", "mlu", "musa", "gcu"}
OURS = {"packed", "window", "self.packed", "self.partial", "batch", "part", "w"}
"""Receivers whose `.to(device)` is our own method, which uses `to_device`."""

TABLES = {"layout.ropes", "self.layout.ropes"}
"""Dictionaries of tables, whose keys hold conditions on settings."""

HOST = {
    ("model/cache.py", "_columns", 5): "metadata of the cache stays on the host",
    ("model/metadata.py", "_equal_copies", 5): "metadata of a pack stays on the host",
    ("train/loss.py", "cross_entropy", 5): "`learn` stays on the host",
    ("sequence/window.py", "find_windows", 4): "metadata of a pack stays on the host",
    ("flow/sampler.py", "timesteps", 4): "a list of numbers from the settings",
    ("ops/backends/native_experts.py", "_restored", 4): "kernels of the CPU",
    ("ops/grouped_matmul.py", "ragged", 4): "the plan of the CPU; devices take `tiled`",
    ("ops/quantisation.py", "quantise_fp4", 7): "files are packed on the host",
    ("ops/verification.py", "", 2): "tolerances name fp64, for tests on the CPU",
    ("ops/precision.py", "upcast", 2): "fp64 stays fp64, for tests on the CPU",
}
"""Breaches that were judged: function and rule, with the reason."""


@dataclass(frozen=True)
class Finding:
    """One breach of a rule."""

    path: str
    function: str
    line: int
    rule: int
    text: str

    @property
    def is_judged(self) -> bool:
        return (self.path, self.function, self.rule) in HOST

    def __str__(self) -> str:
        return f"{self.path}:{self.line} rule {self.rule}: {self.text}"


def scan_all() -> list[Finding]:
    """Return every breach in the package, judged ones too."""
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        name = str(path.relative_to(ROOT))
        found += scan(path.read_text(encoding="utf-8"), name)
    return found


def scan(source: str, path: str) -> list[Finding]:
    """Return the breaches in one file; `path` is its place in the package."""
    out: list[Finding] = []
    for node, function in _walk(ast.parse(source), ""):
        for rule, text in _breaches(node, function, path):
            out.append(Finding(path, function, node.lineno, rule, text))
    return out


def _walk(node: ast.AST, function: str) -> Iterator[tuple[ast.expr, str]]:
    """Yield every expression with the name of the function around it."""
    for child in ast.iter_child_nodes(node):
        inside = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
        if isinstance(child, ast.expr):
            yield child, inside
        yield from _walk(child, inside)


def _breaches(node: ast.expr, function: str, path: str) -> Iterator[tuple[int, str]]:
    room = path.split("/")[0]
    if isinstance(node, ast.Call):
        yield from _of_call(node, function, path)
    if isinstance(node, ast.Subscript) and room in ROOMS and _is_mask(node.slice):
        if ast.unparse(node.value) in TABLES:
            return
        yield 5, f"a boolean mask as index: {ast.unparse(node)}"
    if isinstance(node, ast.Attribute) and room in ROOMS:
        if node.attr in FP64_OR_COMPLEX and (_is_torch(node.value) or node.attr == "double"):
            yield 2, ast.unparse(node)
    if room != "device" and not path.startswith("ops/backends/"):
        word = node.attr if isinstance(node, ast.Attribute) else node.value if isinstance(node, ast.Constant) else ""
        if isinstance(word, str) and word.split(":")[0] in VENDOR_WORDS:
            yield 10, ast.unparse(node)


def _of_call(node: ast.Call, function: str, path: str) -> Iterator[tuple[int, str]]:
    room = path.split("/")[0]
    text = ast.unparse(node)[:80]
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    receiver = node.func.value if isinstance(node.func, ast.Attribute) else None
    if receiver is not None and _is_torch(receiver) and name in FACTORIES:
        missing = {"device", "dtype"} - {k.arg for k in node.keywords}
        if function == "__init__":  # parameters follow the default device; `module_to_device` moves them
            missing.discard("device")
        if missing:
            yield 1, f"{text} does not name {' and '.join(sorted(missing))}"
    if name in WRITERS and receiver is not None and _is_torch(receiver) and room != "checkpoint":
        yield 9, text
    if room in ROOMS and receiver is not None:
        yield from ((rule, text) for rule in _of_method(node, receiver, name))


def _of_method(node: ast.Call, receiver: ast.expr, name: str) -> Iterator[int]:
    """Yield the rules that a call of a function of torch or of a tensor breaks."""
    moved = name == "to" and _moves(node) and ast.unparse(receiver) not in OURS
    if moved or (name in HOST_READS and not _is_on_host(receiver)):
        yield 4
    if name in DYNAMIC:
        yield 5
    if name in FACTORED and (_is_torch(receiver) or ast.unparse(receiver) == "torch.linalg"):
        yield 6
    if name in UNSUPPORTED:
        yield 7
    if (
        name in FILLS
        and ast.unparse(receiver) != "tl"
        and any(_is_infinite(a) for a in [*node.args, *(k.value for k in node.keywords)])
    ):
        yield 8


def _is_torch(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "torch"


def _is_on_host(node: ast.expr) -> bool:
    """Return whether an expression is what `to_host` gave, or a numpy array."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id == "to_host"
    return ast.unparse(node).startswith("np.")


def _moves(node: ast.Call) -> bool:
    """Return whether `.to(...)` names a device."""
    return any(k.arg == "device" for k in node.keywords) or any(
        (isinstance(a, ast.Constant) and isinstance(a.value, str)) or ast.unparse(a).split(".")[-1] == "device"
        for a in node.args
    )


def _is_mask(node: ast.expr) -> bool:
    """Return whether an index is plainly a condition."""
    if isinstance(node, ast.Tuple):
        return any(_is_mask(item) for item in node.elts)
    if isinstance(node, ast.Compare):
        return True
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.Invert)
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name.endswith("mask") or name.startswith(("is_", "has_"))


def _is_infinite(node: ast.expr) -> bool:
    return any(
        (isinstance(n, ast.Attribute) and n.attr == "inf")
        or (isinstance(n, ast.Constant) and isinstance(n.value, str) and n.value.strip("-+") in ("inf", "infinity"))
        for n in ast.walk(node)
    )
