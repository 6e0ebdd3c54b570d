"""Chips, their detection, transfers between host and device, and collectives."""

import dataclasses
import importlib.metadata
import os
import subprocess
import sys
import types

import pytest
import torch

from sancai.device import CHIP_SPECS, Chip, chip_of, chips, parse_machine
from sancai.device import registry as registry_module
from sancai.device.detect import detect, import_failures, resolve_device
from sancai.device.platform import (
    compute_dtype,
    device_memory,
    get_platform,
    peak_memory_bytes,
    reset_peak,
    synchronize,
)
from sancai.device.transfer import count_transfers, is_transferring, to_device, to_host
from sancai.errors import ConfigError, DeviceError, RequestError

KEYS = {
    "ascend", "cambricon", "moore_threads", "metax", "hygon", "kunlunxin", "iluvatar", "enflame", "nvidia", "amd",
    "apple", "cpu",
}  # fmt: skip
NAMES = {
    "MetaX C500": "metax", "MXC500": "metax", "Hygon BW200": "hygon", "K100_AI": "hygon",
    "Iluvatar BI-V150": "iluvatar", "KUNLUNXIN P800": "kunlunxin", "NVIDIA H200": "nvidia", "Tesla T4": "nvidia",
    "AMD Instinct MI300X": "amd", "Radeon RX 7900": "amd", "something new": "nvidia",
}  # fmt: skip
FACTS = {
    "ascend": ("npu", "hccl", "ASCEND_RT_VISIBLE_DEVICES"),
    "cambricon": ("mlu", "cncl", "MLU_VISIBLE_DEVICES"),
    "moore_threads": ("musa", "mccl", "MUSA_VISIBLE_DEVICES"),
    "enflame": ("gcu", "eccl", "TOPS_VISIBLE_DEVICES"),
    "metax": ("cuda", "nccl", "CUDA_VISIBLE_DEVICES"),
    "cpu": ("cpu", "gloo", None),
}


def fresh(monkeypatch, *points):
    """Let these entry points be all that other packages announce."""
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points)
    registry_module.chips.cache_clear()


@pytest.fixture(autouse=True)
def known_chips():
    yield
    registry_module.chips.cache_clear()
    get_platform.cache_clear()


# ---- records ---------------------------------------------------------------------------------------------------------


def test_every_family_has_a_record():
    assert set(chips()) == KEYS


@pytest.mark.parametrize("key", sorted(FACTS))
def test_device_type_collectives_and_visibility(key):
    chip = chips()[key]
    assert (chip.device_type, chip.collectives, chip.visible_devices) == FACTS[key]


@pytest.mark.parametrize("key", sorted(KEYS))
def test_layers_compute_in_the_best_dtype_and_never_in_a_banned_one(key):
    chip = chips()[key]
    assert str(compute_dtype(chip)).removeprefix("torch.") == chip.best_dtype
    banned = next(iter(chip.banned_dtypes), "float4_e2m1fn_x2")
    with pytest.raises(DeviceError, match="does not compute in"):
        compute_dtype(chip, banned)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_devices_of_one_type_are_distinguished_by_name(name):
    assert chip_of("cuda", name).key == NAMES[name]


def test_unknown_device_type_is_refused():
    with pytest.raises(DeviceError, match="no chip has the device type 'abacus'"):
        chip_of("abacus")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": "Big Chip"}, "lower-case"),
        ({"compute_dtypes": ("float32", "float7")}, "float7"),
        ({"compute_dtypes": ("float32", "float64")}, "bans"),
        ({"compute_dtypes": ("bfloat16",)}, "float32"),
    ],
)
def test_a_record_that_contradicts_itself_is_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(chips()["ascend"], **change)


# ---- detection -------------------------------------------------------------------------------------------------------


def test_this_machine_has_at_least_its_cpu():
    assert detect()[-1].chip.key == "cpu"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("abacus", "no device 'abacus'"), ("cpu:x", "no device 'cpu:x'"), ("ascend", "torch_npu is not installed"),
        ("mlu", "torch_mlu is not installed"), ("enflame:3", "torch_gcu is not installed"),
    ],
)  # fmt: skip
def test_a_device_that_is_not_here_is_refused(name, message):
    with pytest.raises(DeviceError, match=message):
        get_platform(name)


def test_the_environment_names_the_device(monkeypatch):
    monkeypatch.setenv("SANCAI_DEVICE", "abacus")
    with pytest.raises(DeviceError, match="abacus"):
        resolve_device()
    monkeypatch.setenv("SANCAI_DEVICE", "cpu")
    assert resolve_device()[0].key == "cpu"
    assert resolve_device("cpu:0")[1] == torch.device("cpu", 0), "what is asked for stands above the environment"


def test_a_broken_vendor_package_is_reported(monkeypatch, tmp_path):
    (tmp_path / "torch_mlu.py").write_text("raise ImportError('libcnrt.so is missing')\n")
    (tmp_path / "torch_gcu.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    reasons = import_failures()
    assert reasons["cambricon"] == "torch_mlu does not import: libcnrt.so is missing"
    assert reasons["enflame"] == "torch_gcu imports but reports no device"
    assert detect()[-1].chip.key == "cpu"
    sys.modules.pop("torch_gcu", None)


def test_a_working_vendor_package_comes_first(monkeypatch):
    here = types.SimpleNamespace(
        is_available=lambda: True, device_count=lambda: 8, get_device_name=lambda i: "Ascend910"
    )
    monkeypatch.setattr(torch, "npu", here, raising=False)
    monkeypatch.setattr("sancai.device.detect.device_name", lambda device: "Ascend910")
    monkeypatch.setattr("sancai.device.detect.torch.device", lambda *a: a)
    first = detect()[0]
    assert (first.chip.key, first.count, first.name) == ("ascend", 8, "Ascend910")


def test_another_package_adds_a_chip_by_one_record(monkeypatch):
    chip = Chip(key="abacus", title="Abacus", device_type="cpu", compute_dtypes=("float16", "float32"))
    fresh(monkeypatch, types.SimpleNamespace(name="abacus", value="x:CHIP", load=lambda: chip))
    found, device = resolve_device("abacus")
    assert found is chip and device.type == "cpu"
    assert get_platform("abacus").dtype == torch.float32


def test_an_entry_point_that_raises_is_ignored_with_a_warning(monkeypatch):
    def broken():
        raise ValueError("no runtime")

    fresh(monkeypatch, types.SimpleNamespace(name="abacus", value="x:CHIP", load=broken))
    with pytest.warns(RuntimeWarning, match="'abacus' .* is ignored: .*no runtime"):
        assert set(chips()) == KEYS


@pytest.mark.parametrize("code", ["raise ValueError('driver table corrupt')", "raise RuntimeError('')", "x = ("])
def test_any_error_of_a_vendor_package_is_reported(monkeypatch, tmp_path, code):
    (tmp_path / "torch_mlu.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    assert import_failures()["cambricon"].startswith("torch_mlu does not import: ")
    assert detect()[-1].chip.key == "cpu"


def test_an_entry_point_that_is_no_record_is_refused(monkeypatch):
    fresh(monkeypatch, types.SimpleNamespace(name="abacus", value="x:CHIP", load=lambda: "abacus"))
    with pytest.raises(DeviceError, match=r"'abacus' .* is a str, expected a Chip"):
        chips()


def test_an_entry_point_replaces_a_record_of_this_package(monkeypatch):
    mine = dataclasses.replace(chips()["amd"], title="AMD, patched")
    fresh(monkeypatch, types.SimpleNamespace(name="amd", value="x:CHIP", load=lambda: mine))
    assert chips()["amd"].title == "AMD, patched"


def test_asking_about_chips_loads_no_torch():
    code = "import sys, sancai.device; sancai.device.chips(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": "src"}).returncode == 0


# ---- the CPU as a platform -------------------------------------------------------------------------------------------


def test_the_cpu_answers_every_call():
    here = get_platform("cpu")
    synchronize(here)
    reset_peak(here)
    assert device_memory(here) is None and peak_memory_bytes(here) > 10**7
    assert here.dtype == torch.float32 and get_platform("cpu", "bfloat16").dtype == torch.bfloat16


def test_transfers_are_counted_and_flagged():
    seen = []
    meta = torch.device("meta")
    with count_transfers() as counts:
        moved = to_device(torch.zeros(2), meta)
        to_device(moved, meta)
        to_host(torch.zeros(2))
        seen.append(is_transferring())
    assert (counts.to_device, counts.to_host) == (1, 0), "what is already there does not cross"
    assert seen == [False] and moved.device == meta


def test_what_comes_back_to_the_host_is_detached():
    assert not to_host(torch.ones(1, requires_grad=True) * 2).requires_grad


# ---- cards -----------------------------------------------------------------------------------------------------------


def test_every_card_belongs_to_a_family():
    assert {c.chip for c in CHIP_SPECS.values()} <= KEYS
    assert all(c.confidence in "ABCD" and c.source for c in CHIP_SPECS.values())


def test_a_machine_is_read():
    machine = parse_machine("16xascend-910c")
    assert machine.memory_bytes == 16 * 128 * 10**9
    for bad in ("0xnvidia-h20", "100001xnvidia-h20", "h100", "2 x nvidia-h100", ""):
        with pytest.raises(RequestError):
            parse_machine(bad)


# ---- collectives -----------------------------------------------------------------------------------------------------

TWO_RANKS = """
import torch
from sancai.device import collectives as c
from sancai.device.platform import get_platform
rank, world = c.init_ranks(get_platform("cpu"))
mine = torch.arange(4.0).view(4, 1) + 10 * rank
assert (rank, world) == (c.rank(), 2)
assert c.all_reduce(mine.clone()).flatten().tolist() == [10, 12, 14, 16]
assert c.all_gather(mine).flatten().tolist() == [0, 1, 2, 3, 10, 11, 12, 13]
first, second = c.all_reduce_coalesced([mine, mine[0]])
assert first.flatten().tolist() == [10, 12, 14, 16] and second.tolist() == [10] and mine[0] == 10 * rank
c.shut_down()
"""


SHARDED = """
import torch
from sancai.device import collectives as c
from sancai.device.platform import get_platform
from sancai.device.sharding import distribute_like, from_local, full_matrices, full_state_dict, full_tensor
from sancai.device.sharding import is_sharded, local_rows, shard, to_local
platform = get_platform("cpu")
rank, world = c.init_ranks(platform)

class Odd(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Linear(4, 3)
        self.one = torch.nn.Parameter(torch.full((1, 4), 2.0))
        self.register_buffer("kept", torch.ones(3))
    def forward(self, x):
        return self.inner(x) * self.one.sum() + self.kept

torch.manual_seed(0)
model = Odd()
before = {n: t.clone() for n, t in model.state_dict().items()}
shard(model, [model.inner], platform)
state = model.state_dict()
assert is_sharded(state["inner.weight"]) and not is_sharded(state["kept"])
assert to_local(state["inner.weight"]).shape == ((2, 4) if rank == 0 else (1, 4))
assert to_local(state["one"]).shape == ((1, 4) if rank == 0 else (0, 4))
for name, tensor in state.items():
    assert torch.equal(full_tensor(tensor), before[name]), name
    assert torch.equal(to_local(distribute_like(before[name], tensor)), to_local(tensor)), name
    assert torch.equal(local_rows(before[name], tensor), to_local(tensor)), name
    assert torch.equal(full_tensor(from_local(to_local(tensor), tensor)), before[name]), name
stack = torch.arange(40.0).view(2, 5, 4)
tall = [torch.arange(20.0).view(5, 4) + n for n in range(2)]
kept = torch.nn.Linear(4, 5)
shard(kept, [], platform)
like = [kept.weight, kept.weight, stack]
got = full_matrices([local_rows(tall[0], like[0]), local_rows(tall[1], like[1]), stack], like)
assert all(torch.equal(a[0], b) for a, b in zip(got, tall)) and torch.equal(got[2], stack)
full = full_state_dict({"a": [state["inner.weight"]]}, keeps=rank == 0)
assert full["a"][0].shape == ((3, 4) if rank == 0 else (0,))
x = torch.full((2, 4), 1.0 + rank)
model(x).sum().backward()  # gradients are added up, not averaged
gradient = full_tensor(model.inner.bias.grad)
assert torch.equal(gradient, torch.full((3,), 2 * 2 * 8.0)), gradient
c.shut_down()
"""


@pytest.mark.slow
@pytest.mark.parametrize("text", [TWO_RANKS, SHARDED], ids=["collectives", "sharding"])
def test_two_ranks_exchange_tensors(tmp_path, text):
    program = tmp_path / "ranks.py"
    program.write_text(text)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(program)]
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": "src", "OMP_NUM_THREADS": "1"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_one_rank_has_nobody_to_share_weights_with():
    from sancai.device.sharding import shard

    with pytest.raises(DeviceError, match="torchrun --nproc-per-node=N"):
        shard(torch.nn.Linear(2, 2), [], get_platform("cpu"))


def test_one_rank_needs_no_library():
    from sancai.device import collectives as c

    tensor = torch.arange(3.0)
    assert c.init_ranks(get_platform("cpu")) == (0, 1)
    for out in (
        c.all_reduce(tensor), c.all_gather(tensor), c.all_reduce_coalesced([tensor])[0],
    ):  # fmt: skip
        assert torch.equal(out, torch.arange(3.0))
