"""Every test starts from the same random state and leaves no gradient mode behind."""

import random
import signal
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import settings

from sancai.data.characters import vocabulary
from sancai.engine import engine
from sancai.ops.selection import OPERATORS
from sancai.train import opening

settings.register_profile("same", database=None, derandomize=True, deadline=None)
settings.load_profile("same")


@pytest.fixture(autouse=True)
def same_seeds() -> Iterator[None]:
    """Seed every generator that a test could reach for."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    torch.set_flush_denormal(False)  # training turns it on for the process
    with torch.enable_grad():
        yield


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Listen to Ctrl-C even where the shell that started the tests in the background told them not to."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module", autouse=True)
def kernels_of_this_module() -> Iterator[None]:
    """Leave no kernels selected that an earlier module's models asked for."""
    with pytest.MonkeyPatch.context() as patch:
        for operator in OPERATORS:
            patch.setattr(operator, "active", {})
        yield


@pytest.fixture(scope="module")
def references_only(kernels_of_this_module: None) -> Iterator[None]:
    """Run every operator by its PyTorch reference, whose work PyTorch's counters see."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (opening, engine):
            patch.setattr(module, "select_backends", lambda *_: ())
        yield


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator of its own for each test."""
    return np.random.default_rng(0)


@pytest.fixture
def few_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Learn vocabularies from few texts and list words of few characters: runs begin and save at once."""
    monkeypatch.setattr(opening, "VOCABULARY_TEXTS", 150)
    monkeypatch.setattr(vocabulary, "NUM_TEXTS", 50)
    monkeypatch.setattr(vocabulary, "NUM_CLIPS", 20)
