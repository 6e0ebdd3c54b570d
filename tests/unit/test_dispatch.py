"""Operator dispatch: kernels are used where they are available, correct and faster, and disabled when they fail."""

import json
import pathlib
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from builders import clean, largest, noisy, random_model, small_config, text
from sancai.model import transformer
from sancai.model.attention import sparse_attention
from sancai.ops import selection
from sancai.ops.dispatch import Backend, Kernel, Operator
from sancai.ops.selection import OPERATORS, explain, select_backends
from sancai.ops.verification import SampleInput, SampleTensors, verify
from sancai.sequence import pack

CPU = torch.device("cpu")
DELAY_STEPS = 400
"""Operations that make a function slower than any other."""


def delay(x: Tensor) -> Tensor:
    for _ in range(DELAY_STEPS):
        x = x + 0.0
    return x


def square(x: Tensor, factor: float) -> Tensor:
    return delay(x).square() * factor


def samples(make: SampleTensors) -> list[SampleInput]:
    return [SampleInput("some", (make.normal(4, 3), 2.0), (0,))]


class Square(torch.autograd.Function):
    """Correct forward, wrong gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.save_for_backward(x)
        return x.square() * factor

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return gradient * ctx.saved_tensors[0], None


class Fake:
    """A backend that counts how often it is loaded and run."""

    def __init__(self, kernel: Callable[..., Any] | Kernel, name: str = "fake", **changes: Any) -> None:
        self.loads = self.runs = 0
        self.kernel = kernel if isinstance(kernel, Kernel) else Kernel(kernel)
        self.backend = Backend("square", name, lambda device: None, self._load, lambda: "1")
        self.backend = replace(self.backend, **changes)

    def _load(self) -> Kernel:
        self.loads += 1
        return replace(self.kernel, forward=self._run)

    def _run(self, *args: Any) -> Any:
        self.runs += 1
        return self.kernel.forward(*args)


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch) -> Operator[..., Any]:
    monkeypatch.setattr(selection, "SELECTIONS", {})
    return Operator("square", square, samples)


def select(
    operator: Operator[..., Any], folder: pathlib.Path, *fakes: Fake, dtype: torch.dtype = torch.float32
) -> selection.Selection:
    (selection,) = select_backends(CPU, dtype, operators=[operator], backends=[f.backend for f in fakes], folder=folder)
    return selection


def quick(x: Tensor, factor: float) -> Tensor:
    return x * x * factor


def broken(*args: Any) -> Any:
    raise OSError("the driver is gone\nmore lines")


def gradients(x: Tensor, kept: tuple[Tensor, ...], given: tuple[Tensor | None, ...]) -> Any:
    return 2 * x[0] * x[1] * given[0], None


# --- selection --------------------


def test_a_correct_and_faster_kernel_is_used(operator: Operator[..., Any], tmp_path: pathlib.Path) -> None:
    fake = Fake(quick)
    selection = select(operator, tmp_path, fake)
    assert selection.chosen == "fake" and "right" in selection.why and " against " in selection.why
    runs, x = fake.runs, torch.randn(3)
    assert largest(operator(x, 2.0) - 2 * x.square()) <= 1e-6
    assert fake.runs == runs + 1


def test_it_is_used_for_its_device_and_dtype_only(operator: Operator[..., Any], tmp_path: pathlib.Path) -> None:
    fake = Fake(quick)
    select(operator, tmp_path, fake)
    runs = fake.runs
    operator(torch.randn(3).double(), 2.0)
    assert fake.runs == runs


def test_an_operator_always_called_in_fp32_gets_its_kernel_in_a_bf16_model(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "SELECTIONS", {})
    custom = Operator("square", square, lambda make: [SampleInput("some", (make.fp32(4, 3), 2.0), (0,))])
    fake = Fake(quick)
    select(custom, tmp_path, fake, dtype=torch.bfloat16)
    runs = fake.runs
    custom(torch.randn(3), 2.0)
    assert fake.runs == runs + 1


@pytest.mark.parametrize(
    ("kernel", "reason"),
    [
        (lambda x, factor: x * x * factor * 1.01, "wrong: sample 'some', output 0: off by"),
        (lambda x, factor: x * x / 0 * factor, "wrong: sample 'some', output 0: off by"),
        (lambda x, factor: (x * x * factor)[:1], "wrong: sample 'some', output 0: shape [1, 3], expected [4, 3]"),
        (lambda x, factor: (x * x * factor).double(), "wrong: sample 'some', output 0: dtype"),
        (lambda x, factor: (x * x * factor).detach(), "wrong: sample 'some': 1 outputs and gradients, expected 2"),
        (Square.apply, "wrong: sample 'some', gradient of argument 0: off by"),
        (lambda x, factor: delay(delay(x)).square() * factor, "right, but "),
        (broken, "raised OSError: the driver is gone"),
        (Kernel(quick, supports=lambda x, factor: False), "does not support float32"),
        (Kernel(lambda x, factor: (quick(x, factor), ()), broken), "raised OSError: the driver is gone"),
    ],
    ids=[
        "wrong",
        "nan",
        "shape",
        "dtype",
        "no gradient",
        "wrong gradient",
        "slower",
        "raises",
        "unsupported",
        "backward",
    ],
)
def test_an_incorrect_or_slower_kernel_is_rejected_with_the_reason(
    operator: Operator[..., Any], tmp_path: pathlib.Path, kernel: Any, reason: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        selection = select(operator, tmp_path, Fake(kernel))
    assert selection.chosen == "reference" and selection.others["fake"].startswith(reason)
    assert reason in explain()
    assert not operator.active and not operator.disabled


def test_an_unavailable_or_broken_backend_gives_the_reason(
    operator: Operator[..., Any], tmp_path: pathlib.Path
) -> None:
    absent = Fake(quick, "absent", unavailable_reason=lambda device: "is not installed")
    bad = Fake(quick, "bad", load=broken)
    selection = select(operator, tmp_path, absent, bad)
    assert absent.loads == 0
    assert selection.others == {"absent": "is not installed", "bad": "does not load: OSError: the driver is gone"}


def test_the_fastest_correct_kernel_is_used(operator: Operator[..., Any], tmp_path: pathlib.Path) -> None:
    slow = Fake(lambda x, factor: quick(x + 0 * sum(x + i for i in range(100)), factor), "slow")
    selection = select(operator, tmp_path, slow, Fake(quick))
    assert selection.chosen == "fake" and selection.others["slow"].startswith("right, but")


def test_rounding_in_low_precision_is_accepted_but_a_mistake_is_not(
    operator: Operator[..., Any], tmp_path: pathlib.Path
) -> None:
    assert select(operator, tmp_path, Fake(quick), dtype=torch.bfloat16).chosen == "fake"
    off = Fake(lambda x, factor: quick(x, factor) * 1.05)
    assert select(operator, tmp_path / "other", off, dtype=torch.bfloat16).chosen == "reference"


# --- failures --------------------


def test_a_kernel_that_raises_later_is_disabled_with_one_warning(
    operator: Operator[..., Any], tmp_path: pathlib.Path
) -> None:
    fake = Fake(quick)
    select(operator, tmp_path, fake)
    fake.kernel = Kernel(broken)
    x = torch.randn(3)
    with pytest.warns(RuntimeWarning, match="fake kernel for square raised OSError: the driver is gone;") as warned:
        assert torch.equal(operator(x, 2.0), square(x, 2.0))
    assert len(warned) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        runs = fake.runs
        assert torch.equal(operator(x, 2.0), square(x, 2.0))
    assert fake.runs == runs
    assert "fake raised OSError" in explain()


def test_a_disabled_kernel_is_not_selected_again(operator: Operator[..., Any], tmp_path: pathlib.Path) -> None:
    fake = Fake(quick)
    select(operator, tmp_path, fake)
    with pytest.warns(RuntimeWarning):
        operator.disable("fake", OSError("gone"))
    selection = select(operator, tmp_path / "other", fake)
    assert selection.chosen == "reference" and selection.others["fake"] == "raised OSError: gone"


def test_a_backward_that_raises_later_gets_the_gradient_of_the_reference(
    operator: Operator[..., Any], tmp_path: pathlib.Path
) -> None:
    works = [True]

    def backward(*args: Any) -> Any:
        return gradients(*args) if works[0] else broken()

    fake = Fake(Kernel(lambda x, factor: (quick(x, factor), ()), backward))
    assert select(operator, tmp_path, fake).chosen == "fake"
    x = torch.randn(3, requires_grad=True)
    for works[0] in (True, False):
        context = warnings.catch_warnings() if works[0] else pytest.warns(RuntimeWarning, match="driver is gone")
        out = operator(x, 2.0)
        with context:
            (gradient,) = torch.autograd.grad(out.sum(), x)
        assert largest(gradient - 4 * x) <= 1e-6
    assert "fake" in operator.disabled and not operator.active


def test_unsupported_calls_run_the_reference(operator: Operator[..., Any], tmp_path: pathlib.Path) -> None:
    fake = Fake(Kernel(quick, supports=lambda x, factor: x.dim() == 2))
    select(operator, tmp_path, fake)
    runs, x = fake.runs, torch.randn(3)
    assert torch.equal(operator(x, 2.0), square(x, 2.0))
    assert fake.runs == runs and "fake" not in operator.disabled


# --- compiled callers --------------------


def test_without_kernels_the_reference_compiles_as_one_graph() -> None:
    def caller(x: Tensor) -> Tensor:
        return custom(x, 2.0) + 1

    custom = Operator("square", quick, samples)
    x = torch.randn(3)
    assert torch.equal(torch.compile(caller, backend="eager", fullgraph=True)(x), quick(x, 2.0) + 1)


@pytest.mark.parametrize("prefer_compiled", [True, False])
def test_compiled_code_calls_a_kernel_unless_the_operator_prefers_the_compiler(
    tmp_path: pathlib.Path, prefer_compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "SELECTIONS", {})
    custom, fake = Operator("square", square, samples, prefer_compiled), Fake(quick)
    select(custom, tmp_path, fake)

    def caller(x: Tensor) -> Tensor:
        return custom(x + 1, 2.0) + 1

    runs, x = fake.runs, torch.randn(3)
    assert largest(torch.compile(caller, backend="eager")(x) - caller(x)) <= 1e-6
    assert fake.runs - runs == (1 if prefer_compiled else 2)  # the plain call is one of them


# --- tuning cache --------------------


def test_selections_are_cached(operator: Operator[..., Any], tmp_path: pathlib.Path) -> None:
    first, again = Fake(quick), Fake(quick)
    chosen = select(operator, tmp_path, first)
    assert select(operator, tmp_path, again) == chosen
    assert again.runs == 0 and operator.active
    refused = Fake(quick, "fake", version=lambda: "2")
    select(operator, tmp_path, refused)
    assert refused.runs > 0, "another version is measured again"
    assert len(json.loads((tmp_path / selection.FILE).read_text())) == 2


def test_a_cached_rejection_holds(operator: Operator[..., Any], tmp_path: pathlib.Path) -> None:
    refused = select(operator, tmp_path, Fake(broken))
    again = Fake(quick)
    assert select(operator, tmp_path, again) == refused
    assert again.loads == 0


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', "{"])
def test_a_damaged_cache_counts_as_empty(operator: Operator[..., Any], tmp_path: pathlib.Path, content: str) -> None:
    (tmp_path / selection.FILE).write_text(content)
    assert select(operator, tmp_path, Fake(quick)).chosen == "fake"


def test_a_folder_that_cannot_be_written_is_ignored(operator: Operator[..., Any], tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    assert select(operator, tmp_path / "file", Fake(quick)).chosen == "fake"


def test_without_backends_nothing_is_measured_and_nothing_is_written(
    operator: Operator[..., Any], tmp_path: pathlib.Path
) -> None:
    selection = select(operator, tmp_path)
    assert (selection.chosen, list(tmp_path.iterdir())) == ("reference", [])
    assert "there is no kernel for this device" in explain()


# --- the operators of the model --------------------


def test_operators_have_distinct_names() -> None:
    assert len({r.name for r in OPERATORS}) == len(OPERATORS)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("operator", OPERATORS, ids=lambda r: r.name)
def test_every_operator_passes_its_own_samples_and_notices_a_mistake(
    operator: Operator[..., Any], dtype: torch.dtype
) -> None:
    small = operator.samples(SampleTensors(CPU, dtype))
    assert small and verify(operator.reference, operator.reference, small) is None

    def wrong(*args: Any) -> Any:
        out = operator.reference(*args)
        outputs = out if isinstance(out, tuple | list) else (out,)
        first = outputs[0][0] if isinstance(outputs[0], list) else outputs[0]
        bad = ~first if first.dtype == torch.bool else first + 1
        return type(outputs)((bad, *outputs[1:])) if isinstance(out, tuple | list) else bad

    assert verify(wrong, operator.reference, small) is not None


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda r: r.name)
def test_verification_leaves_the_samples_unchanged(operator: Operator[..., Any]) -> None:
    small = operator.samples(SampleTensors(CPU, torch.float32))
    before = [t.clone() for c in small for t in c.arguments if isinstance(t, Tensor)]
    verify(operator.reference, operator.reference, small)
    after = [t for c in small for t in c.arguments if isinstance(t, Tensor)]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


@torch.no_grad()
def test_a_limit_on_keys_makes_the_model_call_sparse_attention_with_a_correct_limit(
    monkeypatch: pytest.MonkeyPatch, rng: Any
) -> None:
    model = random_model(small_config(), seed=1)
    document = pack([[[text(rng, 40), noisy(rng), noisy(rng), clean(rng), text(rng, 13)]]])
    usual = model(document)
    build, seen = transformer.attention_metadata, []

    def limited(*args: Any) -> Any:
        metadata = build(*args)
        groups = tuple(replace(g, max_raw=int(g.raw_mask.sum(-1).max())) for g in metadata.groups)
        return replace(metadata, groups=groups)

    def watched(query: Tensor, keys: Tensor, mask: Tensor, sink: Tensor, limit: int) -> Tensor:
        seen.append((int(mask.sum(-1).max()), limit, keys.shape[1]))
        return sparse_attention.reference(query, keys, mask, sink, limit)

    monkeypatch.setattr(transformer, "attention_metadata", limited)
    monkeypatch.setattr("sancai.model.attention.sparse_attention", watched)
    out = model(document)
    assert torch.equal(out.hidden, usual.hidden) and torch.equal(out.prediction, usual.prediction)
    assert len(seen) == 2 * 3, "two CSA layers, three groups of queries"
    assert all(read <= limit < count for read, limit, count in seen)
