"""Without the native library, or on another device, everything runs on PyTorch and says what is missing."""

import importlib.util

import pytest
import torch

from sancai.ops.backends.native import BACKENDS, unavailable_reason
from sancai.ops.selection import OPERATORS, explain, select_backends


def test_an_absent_library_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    reason = unavailable_reason(torch.device("cpu"))
    assert reason is not None and "make setup" in reason
    chosen = select_backends(torch.device("cpu"), torch.float32, backends=BACKENDS, folder=tmp_path)
    assert {selection.chosen for selection in chosen} == {"reference"}
    assert reason in explain() and not list(tmp_path.iterdir())


def test_other_devices_are_declined() -> None:
    assert "CPU" in (unavailable_reason(torch.device("meta")) or "")


def test_every_backend_belongs_to_an_operator() -> None:
    assert {b.operator for b in BACKENDS} <= {o.name for o in OPERATORS}
