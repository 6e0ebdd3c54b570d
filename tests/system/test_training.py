"""Training runs: they learn, they resume exactly, an interruption loses nothing."""

import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
import torch

from recipes import nano
from sancai.checkpoint import load_model, newest_state
from sancai.commands import train as train_command
from sancai.device import collectives
from sancai.errors import CheckpointError, ConfigError
from sancai.telemetry import read_metrics
from sancai.train import Share, TrainConfig, start

TIMELESS = ("seconds",)


def short(steps: int = 6, **changes: object) -> TrainConfig:
    return dataclasses.replace(nano.pretrain(), steps=steps, save_every=2, sample_every=0, **changes)


def losses(folder: pathlib.Path) -> list[dict]:
    return [{k: v for k, v in r.items() if k not in TIMELESS} for r in read_metrics(folder / "metrics.jsonl")]


def test_nano_learns_in_thirty_steps(tmp_path: pathlib.Path) -> None:
    run = start(short(steps=30), tmp_path)
    run.train()
    flow = [r["loss/flow"] for r in losses(tmp_path)]
    assert sum(flow[-5:]) < 0.5 * sum(flow[:5])


@pytest.mark.parametrize("killed_at", [1, 3, 4])
def test_a_killed_run_resumes_to_the_same_losses(tmp_path: pathlib.Path, killed_at: int) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    start(short(), whole).train()

    class Killed(BaseException):
        pass

    def kill(step: int, report: dict, run: object) -> None:
        if step == killed_at:
            raise Killed

    run = start(short(), broken)
    run.save = lambda: None if run.step == killed_at else type(run).save(run)  # a kill leaves no last state
    with pytest.raises(Killed):
        run.train(kill)
    start(short(), broken).train()
    assert losses(broken) == losses(whole)
    first, second = (load_model(folder / "model")[0].state_dict() for folder in (whole, broken))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_state_of_another_architecture_is_refused(tmp_path: pathlib.Path) -> None:
    start(short(steps=2), tmp_path).train()
    other = dataclasses.replace(nano.model(), hidden_size=32)
    with pytest.raises(CheckpointError, match="another architecture"):
        start(short(model=other), tmp_path)


def test_a_damaged_state_is_named(tmp_path: pathlib.Path) -> None:
    start(short(steps=2), tmp_path).train()
    newest_state(tmp_path).write_bytes(b"half a sta")
    with pytest.raises(CheckpointError, match="state-0000002"):
        start(short(), tmp_path)


def test_frozen_text_leaves_the_text_half_bit_for_bit(tmp_path: pathlib.Path) -> None:
    model = dataclasses.replace(nano.model(), visual=dataclasses.replace(nano.model().visual, sharing="frozen_text"))
    run = start(short(steps=3, model=model), tmp_path)
    before = {n: p.detach().clone() for n, p in run.stepper.model.named_parameters()}
    run.train()
    after = dict(run.stepper.model.named_parameters())
    assert all(torch.equal(after[n], t) for n, t in before.items() if not n.startswith("visual."))
    assert any(not torch.equal(after[n], t) for n, t in before.items() if n.startswith("visual."))


def test_interrupting_the_command_saves_and_the_same_command_goes_on(tmp_path: pathlib.Path) -> None:
    root = pathlib.Path(__file__).parents[2]
    command = [sys.executable, "-m", "sancai", "train", "recipes.nano:pretrain", "--run", str(tmp_path / "run")]
    process = subprocess.Popen([*command, "--log-every", "1"], cwd=root, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not read_metrics(tmp_path / "run" / "metrics.jsonl"):
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "saved" in said
    assert "Traceback" not in said
    done = len(read_metrics(tmp_path / "run" / "metrics.jsonl"))
    assert newest_state(tmp_path / "run").name == f"state-{done:07d}.pt"
    again = subprocess.run(
        [*command, "--steps", str(done + 1)], cwd=root, capture_output=True, text=True, timeout=240, env=os.environ
    )
    assert again.returncode == 0, again.stderr
    assert len(read_metrics(tmp_path / "run" / "metrics.jsonl")) == done + 1


def test_a_signal_told_twice_is_one_and_a_later_one_stops_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with train_command._interrupts() as stopped:
        assert not stopped()
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopped()
        monkeypatch.setattr(train_command, "ONE_PRESS", -1.0)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_torchrun_may_repeat_a_signal_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setattr(train_command, "ONE_PRESS", -1.0)
    with train_command._interrupts() as stopped:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopped()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def ranks(folder: pathlib.Path, *options: str) -> subprocess.CompletedProcess:
    """Train nano on two ranks."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "--", "sancai"]
    return subprocess.run(
        [*launch, "train", "recipes.nano:pretrain", "--run", str(folder), "--sample-every", "0", *options],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(("src", "."))},
        capture_output=True, text=True, cwd=pathlib.Path(__file__).parents[2],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sharing", "stops"), [((), "5"), (("--shard",), "35")], ids=["whole weights", "sharded weights, resumed"]
)
def test_two_ranks_make_the_steps_of_one(tmp_path: pathlib.Path, sharing: tuple[str, ...], stops: str) -> None:
    model = dataclasses.replace(nano.model(), n_routed_experts=3)  # two ranks keep two experts and one
    loss = dataclasses.replace(nano.pretrain().loss, balance=0.0)
    settings = short(steps=5, decay_share=0.0, loss=loss, model=model)
    start(settings, tmp_path / "one").train()
    options = ("--loss.balance", "0", "--decay-share", "0", "--model.n-routed-experts", "3", *sharing)
    for steps in stops:  # the second time from the state that both ranks wrote
        done = ranks(tmp_path / "two", "--steps", steps, *options)
        assert done.returncode == 0, done.stderr[-3000:]
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert len(two) == 5, "only the first rank writes"
    for mine, theirs in zip(one, two, strict=True):
        assert mine.keys() == theirs.keys()
        for name in ("loss/flow", "loss/text", "gradient_norm"):
            if name in mine:
                tolerance = 1e-5 if mine["step"] == 0 else 2e-3
                assert theirs[name] == pytest.approx(mine[name], rel=tolerance), (name, mine["step"])
    go_on = start(dataclasses.replace(settings, steps=6), tmp_path / "two")
    assert go_on.step == 5, "a state of two ranks opens on one"
    go_on.train()


def test_fewer_rows_than_ranks_are_refused(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = start(short(mixture={"image": Share(1)}), tmp_path)
    monkeypatch.setattr(collectives, "world_size", lambda: 2)
    with pytest.raises(ConfigError, match="image has 1 rows a step, fewer than 2 ranks"):
        run.stepper.step(0)
