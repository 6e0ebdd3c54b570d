"""One training step: what it reads, and what a bad gradient may not touch."""

import copy
import dataclasses
import pathlib
from typing import Any

import pytest
import torch

from recipes import nano
from sancai.device.sharding import full_state_dict
from sancai.device.transfer import count_transfers, module_to_device
from sancai.errors import CapacityError, DeviceError
from sancai.train import Run, Share, start
from sancai.train import trainer as trainer_module

pytestmark = pytest.mark.usefixtures("few_texts")


@pytest.fixture
def run(tmp_path: pathlib.Path) -> Run:
    config = dataclasses.replace(nano.pretrain(), mixture={"image": Share(1)}, sample_every=0)
    return start(config, tmp_path)


def facts(run: Run) -> dict[str, Any]:
    return copy.deepcopy(run.state())


def same(first: Any, second: Any) -> bool:
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_changes_nothing(run: Run, bad: float) -> None:
    run.trainer.step(0)
    before = facts(run)
    hook = run.trainer.model.visual.head.norm.weight.register_hook(lambda gradient: gradient * bad)
    with pytest.raises(CapacityError, match="not finite; nothing was changed"):
        run.trainer.step(1)
    hook.remove()
    assert same(facts(run), before)
    assert not same(before["weights"], {n: t + 1 for n, t in before["weights"].items()}), "the comparison can fail"


def test_a_step_reads_its_statistics_at_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    read = trainer_module.to_host
    monkeypatch.setattr(trainer_module, "to_host", lambda tensor: reads.append(tensor.shape) or read(tensor))
    report = run.trainer.step(0)
    assert len(reads) == 1
    assert report["loss/flow"] > 0 and report["gradient_norm"] > 0 and 1 <= report["effective_experts"] <= 4


def test_a_device_that_is_not_here_stops_a_run_before_it_begins(tmp_path: pathlib.Path) -> None:
    with pytest.raises(DeviceError, match="no device 'abacus'"):
        start(dataclasses.replace(nano.pretrain(), device="abacus"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_module_moves_in_place_and_is_counted() -> None:
    module = torch.nn.Linear(2, 3, dtype=torch.float32)
    with count_transfers() as crossings:
        assert module_to_device(module, torch.device("meta")) is module
        module_to_device(module, torch.device("meta"))
    assert (crossings.to_device, crossings.to_host) == (2, 0)
    assert module.weight.device.type == "meta"


def test_files_get_host_tensors_out_of_any_nesting() -> None:
    weight = torch.ones(2, requires_grad=True)
    out = full_state_dict({"a": [weight, 3], "b": ({"c": weight},), "d": "name"})
    assert out["a"][1] == 3 and out["d"] == "name" and isinstance(out["b"], tuple)
    assert not out["a"][0].requires_grad and torch.equal(out["b"][0]["c"], weight)
