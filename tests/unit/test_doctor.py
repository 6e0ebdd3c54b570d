"""Doctor: what it finds, what it says when things are broken, and the report that it writes."""

import dataclasses
import json
import os
import types

import pytest

from sancai import device, doctor
from sancai.cli import main
from sancai.device.platform import get_platform
from sancai.doctor import basics, children, installation, numerics, operators, report, speed, training
from sancai.doctor.finding import Finding, worst
from sancai.errors import RequestError
from sancai.ops import norm


def named(findings, name):
    return [f for f in findings if f.name == name]


# ---- before torch ----------------------------------------------------------------------------------------------------


def test_an_installation_without_accelerator_is_fine():
    findings = doctor.installation_findings()
    assert {"python", "torch", "memory", "disk"} <= {f.name for f in findings}
    assert worst(f for f in findings if f.name in ("python", "torch")) == 0


def with_versions(monkeypatch, **versions):
    monkeypatch.setattr(installation, "version", lambda name: versions.get(name.replace("-", "_")))


def test_missing_torch_is_reported(monkeypatch):
    with_versions(monkeypatch)
    (finding,) = named(doctor.installation_findings(), "torch")
    assert finding.state == "bad" and "make setup" in finding.advice


def test_a_vendor_package_of_another_version_is_reported(monkeypatch):
    with_versions(monkeypatch, torch="2.13.0+cpu", torch_npu="2.12.1", torch_mlu="1.33.0", torch_musa="2.13.0")
    findings = doctor.installation_findings()
    (npu,) = named(findings, "torch_npu")
    assert npu.state == "bad" and "needs torch 2.12" in npu.advice
    assert [f.state for f in named(findings, "torch_mlu") + named(findings, "torch_musa")] == ["good", "good"]


def test_two_packages_named_triton_are_reported(monkeypatch):
    both = {"triton": ["triton", "triton-ascend"]}
    monkeypatch.setattr(installation.importlib.metadata, "packages_distributions", lambda: both)
    (finding,) = named(doctor.installation_findings(), "triton")
    assert finding.state == "bad" and "triton-ascend" in finding.message


@pytest.mark.parametrize("mode", [0o600, 0o000])
def test_device_nodes_are_found(monkeypatch, tmp_path, mode):
    for number in range(2):
        (tmp_path / f"davinci{number}").touch(mode)
    monkeypatch.setattr(installation.os, "access", lambda path, how: mode != 0)
    chip = dataclasses.replace(device.chips()["ascend"], device_nodes=str(tmp_path / "davinci[0-9]*"))
    monkeypatch.setattr(installation, "chips", lambda: {"ascend": chip})
    findings = doctor.installation_findings()
    (nodes,) = named(findings, "devices")
    assert (
        nodes.state == ("good" if mode else "limited")
        and ("2 device nodes" if mode else "no permission") in nodes.message
    )
    (package,) = named(findings, "torch_npu")
    assert package.state == "limited" and "torch-npu" in package.advice


def test_little_memory_is_reported(monkeypatch):
    monkeypatch.setattr(installation.os, "sysconf", lambda name: 1000)
    (finding,) = named(doctor.installation_findings(), "memory")
    assert finding.state == "limited" and "1 GB" in finding.advice


# ---- children --------------------------------------------------------------------------------------------------------


@pytest.fixture
def program(monkeypatch, tmp_path):
    """Let doctor run another program than its own."""

    def write(text):
        (tmp_path / "pretend.py").write_text("import sys, json, os, time\n" + text)
        monkeypatch.setattr(children, "PROGRAM", "pretend")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), "src")))

    return write


def test_findings_come_one_by_one(program):
    program(
        "print('noise')\nprint('{broken')\n"
        "print(json.dumps({'finding': {'name': 'a', 'state': 'good', 'message': 'b'}}))"
    )
    heard = []
    assert doctor.examine(["x"], "cpu", 20, heard.append) == heard == [Finding("a", "good", "b")]


def test_a_crash_has_the_name_of_what_was_tried(program):
    program("print(json.dumps({'trying': 'tensors'}), flush=True)\nos.kill(os.getpid(), 11)")
    (finding,) = doctor.examine(["tensors"], "cpu", 20)
    assert (finding.name, finding.state) == ("tensors", "bad") and "SIGSEGV" in finding.message


def test_a_check_that_hangs_is_stopped(program):
    program("print(json.dumps({'trying': 'collectives'}), flush=True)\ntime.sleep(60)")
    (finding,) = doctor.examine(["collectives"], "cpu", 1)
    assert finding.state == "bad" and "no answer within 1 s" in finding.message


def test_torch_that_fails_with_a_makers_package_is_looked_at_without_it(program):
    program(
        "print(json.dumps({'trying': 'torch'}), flush=True)\n"
        "if os.environ.get('TORCH_DEVICE_BACKEND_AUTOLOAD') != '0': sys.exit('ImportError: libhccl.so: cannot open')\n"
        "print(json.dumps({'finding': {'name': 'torch loads', 'state': 'good', 'message': 'yes'}}))"
    )
    heard = []
    broken, note, loads = found = doctor.examine([], "auto", 20, heard.append)
    assert heard == found, "reported in order"
    assert broken.state == "bad" and "CANN" in broken.advice
    assert note.name == "autoload" and "TORCH_DEVICE_BACKEND_AUTOLOAD=0" in note.advice
    assert loads.state == "good"


@pytest.mark.slow
def test_an_unknown_device_is_reported():
    findings = doctor.examine(["devices"], "abacus", 60)
    assert findings[-1].state == "bad" and findings[-1].message.startswith("no device 'abacus'")


def test_questions_that_do_not_go_together_are_refused(capsys, tmp_path):
    for arguments in (["--audit", "ascend", "--json"], ["--model", "tiny", "--accept"]):
        assert main(["doctor", *arguments]) == 1
        assert "go together" in (err := capsys.readouterr().err) or "does not go with" in err
    (tmp_path / "r.json").touch()
    assert main(["doctor", "--accept", "-o", str(tmp_path / "r.json")]) == 1
    assert main(["doctor", "--accept", "-o", str(tmp_path / "absent" / "r.json")]) == 1


# ---- numbers ---------------------------------------------------------------------------------------------------------


def test_operators_agree_with_themselves():
    (finding,) = operators.operators(get_platform("cpu"))
    assert finding.state == "good" and finding.facts["samples"] > 40


def test_an_operator_that_differs_is_named(monkeypatch):
    calls = []
    right = norm.rms_norm.reference

    def drifting(x, weight, eps):
        calls.append(1)
        return right(x, weight, eps) * (1.05 if len(calls) % 3 == 0 else 1.0)  # truth, host, device

    monkeypatch.setattr(norm.rms_norm, "reference", drifting)
    (finding,) = operators.operators(get_platform("cpu"))
    assert finding.state == "bad" and "rms_norm" in finding.message and "sinkhorn" not in finding.message


def test_an_operator_that_raises_is_named(monkeypatch):
    def refuse(*arguments):
        raise NotImplementedError("the device has no such operator")

    monkeypatch.setattr(norm.rms_norm, "reference", refuse)
    (finding,) = operators.operators(get_platform("cpu"))
    assert finding.state == "bad" and "the device has no such operator" in finding.message


def test_the_shipped_models_figures_are_stored_with_it():
    findings = list(numerics.layers(get_platform("cpu", "bfloat16")))
    assert [f.state for f in findings] == ["good", "good"]
    assert len(findings[0].facts["norms"]) > 2 * 6 * 2 and 0 < max(findings[1].facts["relative"].values()) < 0.2


def test_other_figures_are_refused(monkeypatch, tmp_path):
    stored = numerics.shipped_norms()
    wrong = {**stored, "logits": stored["logits"] * 1.01}
    for name, values, state in (("one", wrong, "bad"), ("two", {"logits": 1.0}, "bad"), ("three", stored, "good")):
        path = tmp_path / name
        path.write_text(json.dumps(values))
        assert numerics._against_stored(stored, path).state == state
    assert numerics._against_stored(stored, tmp_path / "absent").state == "limited"


@pytest.mark.slow
def test_training_gives_the_stored_losses(monkeypatch):
    (finding,) = training.training(get_platform("cpu"))
    assert finding.state == "good" and finding.facts["losses"][-1] < 0.9 * finding.facts["losses"][0]
    right = json.loads(training.EXPECTED.read_text())["losses"]
    monkeypatch.setattr(training, "loss_curve", lambda device, folder: [*right[:-1], right[-1] * 1.03])
    (finding,) = training.training(get_platform("cpu"))
    assert finding.state == "bad" and "3.00% from the stored ones (step 19)" in finding.message


@pytest.mark.slow
def test_kernels_and_speed_are_reported(monkeypatch):
    rates = types.SimpleNamespace(
        products=types.SimpleNamespace(values=((1e9, 2e12),)), traffic=types.SimpleNamespace(at=lambda *a: 3e10),
        launch=5e-6,
    )  # fmt: skip
    monkeypatch.setattr(speed, "calibrate", lambda here: types.SimpleNamespace(rates=rates))
    monkeypatch.setattr(speed, "TOKENS", 4)
    monkeypatch.setattr(speed, "PICTURES", 1)
    (kernels,) = speed.kernels(get_platform("cpu"))
    assert "use their PyTorch reference" in kernels.message and len(kernels.facts) > 10
    measured, made = speed.speed(get_platform("cpu"))
    assert measured.message == "products 2,000 GFLOP/s, elementwise 30.0 GB/s, 5.0 µs a launch"
    assert made.facts["tokens_per_second"] > 1 and made.facts["pictures_per_second"] > 0.05


@pytest.mark.slow
def test_two_ranks_exchange_and_train():
    (finding,) = basics.collectives(get_platform("cpu"))
    assert finding.state == "good" and "train with the losses of one" in finding.message, finding.message


# ---- reports ---------------------------------------------------------------------------------------------------------


HOME, ROOT = (f"/{name}" for name in ("home", "root"))
PRIVATE = {
    "cannot open /opt/vendor-7/lib/libx.so: 3/4 of it": "cannot open …/libx.so: 3/4 of it", f"{HOME}/bob": "…",
    "look into C:\\Users\\someone\\x now": "look into … now", ROOT: "…", "~bob/x": "…", "90 tokens/s": "90 tokens/s",
    "waiting for gpu-node-17.corp.example:29500": "waiting for …", "10.1.2.3:80": "…",
    "torch 2.13.0+cpu": "torch 2.13.0+cpu",
}  # fmt: skip


@pytest.mark.parametrize("text", sorted(PRIVATE))
def test_a_report_names_no_path_user_or_host(tmp_path, text):
    values = report.report([Finding("torch", "bad", text)])
    assert values["findings"][0]["message"] == PRIVATE[text] and values["exit_code"] == 2
    report.write(tmp_path / "r.json", values)
    assert report.read(tmp_path / "r.json") == values


def test_a_report_names_nothing_of_this_machine(monkeypatch):
    monkeypatch.setattr(report.platform, "node", lambda: "gpu17")
    monkeypatch.setattr(report.getpass, "getuser", lambda: "John Smith")
    monkeypatch.setattr(report.pathlib.Path, "home", lambda: report.pathlib.Path(HOME, "John Smith"))
    message = report.report([Finding("x", "bad", f"on gpu17: {HOME}/John Smith/x/y.so of John Smith")])
    assert message["findings"][0]["message"] == "on …: ……/y.so of …"


NO_REPORTS = (
    "", "{}", "[]", '{"format": 7, "findings": []}', '{"format": 1, "findings": 3}', '{"format": 1, "findings": [{}]}',
)  # fmt: skip


@pytest.mark.parametrize("text", NO_REPORTS)
def test_what_is_no_report_is_refused(tmp_path, text):
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(RequestError, match="is not a report"):
        report.read(tmp_path / "r.json")
    with pytest.raises(RequestError, match="is not a report"):
        report.read(tmp_path / "absent.json")


def test_reports_are_compared():
    before = report.report([
        Finding("speed", "good", "", facts={"tokens_per_second": 100.0}), Finding("tensors", "good", ""),
        Finding("training", "good", "", facts={"losses": [2.0, 1.0]}), Finding("gone", "good", ""),
        Finding("layers", "good", "", facts={"norms": {"a": 1.0}, "dtype": "float32"}),
    ])  # fmt: skip
    after = report.report([
        Finding("speed", "good", "", facts={"tokens_per_second": 250.0}), Finding("tensors", "bad", "wrong"),
        Finding("training", "good", "", facts={"losses": [2.0, 1.03]}),
        Finding("layers", "good", "", facts={"norms": {"a": 1.001}, "dtype": "float32"}),
    ])  # fmt: skip
    lines = {line: fine for fine, line in report.compare(before, after)}
    assert lines == {
        "speed: tokens_per_second 100 → 250 (2.50×)": True, "tensors: good became bad: wrong": False,
        "training: losses of steps: 2 compared, at most 3.00% apart": False, "gone: only in the first report": False,
        "layers float32: norms of outputs: 1 compared, at most 0.10% apart": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    "after",
    [{"losses": [2.0]}, {"losses": []}, {"losses": [2.0, float("nan")]}, {"norms": {"b": 1.0}}, {"norms": {"a": 0.0}}],
)
def test_figures_that_cannot_be_compared_are_not_alike(after):
    before = {"losses": [2.0, 1.0], "norms": {"a": 1.0}}
    two = (report.report([Finding("x", "good", "", facts=facts)]) for facts in (before, after))
    assert [fine for fine, _ in report.compare(*two)] == [False]


def test_numbers_that_are_not_numbers_are_never_good(tmp_path):
    stored, path = numerics.shipped_norms(), tmp_path / "stored.json"
    path.write_text(json.dumps(stored))
    broken = {k: float("nan") if n > 2 else v for n, (k, v) in enumerate(stored.items())}
    assert numerics._against_stored(broken, path).state == "bad"
    assert training.largest_error([float("nan")] * training.STEPS)[0] == float("inf")


# ---- the command -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_doctor_prints_one_block(capsys):
    assert main(["doctor"]) in (0, 1)
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("ok   drawing") for line in lines), lines


def test_doctor_prints_json(capsys, program):
    program("print(json.dumps({'finding': {'name': 'a', 'state': 'limited', 'message': 'b'}}))")
    assert main(["doctor", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["findings"][-1]["name"] == "a"


@pytest.mark.parametrize(("key", "code"), [("metax", 0), ("nvidia", 0), ("enflame", 1), ("abacus", 1)])
def test_doctor_audits_a_chip(capsys, key, code):
    assert main(["doctor", "--audit", key]) == code
    message = capsys.readouterr()
    assert (
        "missing  none" in message.out if code == 0 else "expected one of" in message.err or "no table" in message.err
    )


def test_doctor_compares_two_files(capsys, tmp_path):
    for name, state in (("a", "good"), ("b", "bad")):
        report.write(tmp_path / name, report.report([Finding("tensors", state, name)]))
    assert main(["doctor", "--compare", str(tmp_path / "a"), str(tmp_path / "a")]) == 0
    assert main(["doctor", "--compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 1
    assert "tensors: good became bad" in capsys.readouterr().out
    assert main(["doctor", "--compare", str(tmp_path / "a")]) == 1
    assert "takes two reports" in capsys.readouterr().err


def test_doctor_itself_loads_no_torch(program, tmp_path):
    program("")
    code = (
        "import sys; sys.argv=['sancai']; from sancai.cli import main; import sancai.doctor.children as c; "
        "c.PROGRAM='pretend'; main(['doctor']); sys.exit('torch' in sys.modules)"
    )
    import subprocess
    import sys

    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_every_check_exists():
    import importlib

    from sancai.commands.doctor import ACCEPT, QUICK
    from sancai.doctor.probe import CHECKS

    assert set(QUICK) | set(ACCEPT) <= set(CHECKS)
    for name, module in CHECKS.items():
        assert callable(getattr(importlib.import_module(module), name)), f"{module} has no check {name}"
