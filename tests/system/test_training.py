"""Training runs: they learn, they resume exactly, an interruption loses nothing."""

import dataclasses
import errno
import json
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch

from recipes import nano
from sancai.checkpoint import load_model, load_state, newest_state, save_state
from sancai.commands import interrupts
from sancai.commands import train as train_command
from sancai.device import collectives
from sancai.errors import CapacityError, CheckpointError, ConfigError
from sancai.files import is_disk_full
from sancai.telemetry import read_metrics
from sancai.train import Share, TrainConfig, loop, start
from sancai.train.lock import start_ticks

TIMELESS = ("seconds",)

pytestmark = pytest.mark.usefixtures("few_texts")


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
        run.train([kill])
    start(short(), broken).train()
    assert losses(broken) == losses(whole)
    first, second = (load_model(folder / "model")[0].state_dict() for folder in (whole, broken))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_prefetching_changes_no_result(tmp_path: pathlib.Path) -> None:
    for name, prefetch in (("with", True), ("without", False)):
        start(short(steps=3, prefetch=prefetch), tmp_path / name).train()
    assert losses(tmp_path / "with") == losses(tmp_path / "without")


def test_filled_rows_resume_to_the_same_losses(tmp_path: pathlib.Path) -> None:
    mixture = {"image": Share(2), "arithmetic": Share(2, tokens=200), "vqa": Share(2, 2, 1, tokens=300)}
    config = short(steps=4, mixture=mixture)
    start(config, tmp_path / "whole").train()
    start(config, tmp_path / "broken").train(until=2)
    start(config, tmp_path / "broken").train()
    assert losses(tmp_path / "broken") == losses(tmp_path / "whole")


def test_a_state_of_version_0_1_is_read(tmp_path: pathlib.Path) -> None:
    start(short(steps=2), tmp_path).train()
    path = newest_state(tmp_path)
    state = load_state(path)
    state["average"] = state.pop("ema")
    del state["ledger"]
    save_state(tmp_path, 2, state)
    run = start(short(steps=3), tmp_path)
    assert all(torch.equal(run.trainer.ema[name], tensor) for name, tensor in state["average"].items())
    run.train()
    assert run.step == 3 and run.ledger.steps == 1


def test_the_ledger_survives_a_stop_and_adds_up(tmp_path: pathlib.Path) -> None:
    config = short(steps=4, price_per_hour=7.2, measure_limit=False)
    start(config, tmp_path).train(until=3)
    run = start(config, tmp_path)
    assert run.ledger.steps == 3
    run.limit = 1e9
    run.train()
    kept, rows = json.loads((tmp_path / "ledger.json").read_text()), read_metrics(tmp_path / "metrics.jsonl")
    assert kept["steps"] == 4
    assert kept["frames"] == sum(r["frames"] for r in rows) > 4 * 16
    for name in ("text_tokens", "learned_tokens", "flops", "seconds"):
        assert kept[name] == pytest.approx(sum(r[name] for r in rows), rel=1e-3), name
    assert kept["money"] == pytest.approx(kept["seconds"] * 0.002)
    assert kept["mfu"] == pytest.approx(kept["flops"] / kept["seconds"] / 1e9)
    assert kept["frames_per_second"] == pytest.approx(kept["frames"] / kept["seconds"])


def test_the_limit_is_measured_once_and_shown(tmp_path: pathlib.Path) -> None:
    run = start(short(steps=1), tmp_path)
    shown = []
    run.train([lambda step, report, run: shown.append(train_command.step_line(report, run.limit))])
    assert run.limit is not None and run.limit > 1e8
    assert "frames/s" in shown[0] and "MFU" in shown[0] and "flow" in shown[0]
    assert json.loads((tmp_path / "ledger.json").read_text())["matmul_limit"] == run.limit


def test_a_full_disk_says_what_is_kept(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise RuntimeError("the writer failed") from OSError(errno.ENOSPC, "No space left on device")

    run = start(short(), tmp_path)
    run.train(until=2)
    monkeypatch.setattr(loop, "save_state", full)
    with pytest.raises(CapacityError, match=r"no room is left .* step 4; the newest whole state is state-0000002\.pt"):
        run.train()
    monkeypatch.undo()
    assert start(short(), tmp_path).step == 2
    assert not (tmp_path / "lock.json").exists()


def test_writing_a_state_on_a_full_disk_is_recognised(tmp_path: pathlib.Path) -> None:
    if not pathlib.Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    (tmp_path / "state-0000001.pt.partial").symlink_to("/dev/full")
    with pytest.raises(OSError) as caught:
        save_state(tmp_path, 1, {"weights": torch.zeros(10**6)})
    assert is_disk_full(caught.value)


def test_a_folder_in_which_another_process_trains_is_refused(tmp_path: pathlib.Path) -> None:
    run = start(short(), tmp_path)
    held = {"pid": os.getppid(), "host": platform.node(), "started": "now", "ticks": start_ticks(os.getppid())}
    (tmp_path / "lock.json").write_text(json.dumps(held))
    with pytest.raises(CheckpointError, match="is being trained by process"):
        start(short(), tmp_path)
    with pytest.raises(CheckpointError, match="is being trained by process"):
        run.train()
    assert not (tmp_path / "metrics.jsonl").exists()


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
    before = {n: p.detach().clone() for n, p in run.trainer.model.named_parameters()}
    run.train()
    after = dict(run.trainer.model.named_parameters())
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
    with interrupts.Interrupts() as stopped:
        assert not stopped()
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopped()
        monkeypatch.setattr(interrupts, "SAME_PRESS", -1.0)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("name", ["SIGUSR1", "SIGHUP", "SIGTERM", "SIGINT"])
def test_every_signal_that_ends_jobs_saves_and_stops(tmp_path: pathlib.Path, name: str) -> None:
    run = start(short(measure_limit=False), tmp_path)

    def strike(step: int, report: dict, run: object) -> None:
        os.kill(os.getpid(), getattr(signal, name))

    with interrupts.Interrupts() as stop:
        run.train([strike], stop=stop)
    assert stop.caught == getattr(signal, name)
    assert run.step == 1 and newest_state(tmp_path).name == "state-0000001.pt"


def test_signals_that_a_batch_system_repeats_do_not_stop_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "SAME_PRESS", -1.0)
    with interrupts.Interrupts() as stopped:
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGHUP)
        assert stopped.caught == signal.SIGUSR1


def test_what_the_process_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupts.Interrupts() as stopped:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stopped()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_torchrun_may_repeat_a_signal_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setattr(interrupts, "SAME_PRESS", -1.0)
    with interrupts.Interrupts() as stopped:
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
    (tmp_path / "two").mkdir()
    shutil.copy(tmp_path / "one" / "tokenizer.json", tmp_path / "two")  # learnt from fewer texts than ranks would take
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
        run.trainer.step(0)
