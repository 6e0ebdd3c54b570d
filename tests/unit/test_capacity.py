"""What does not fit is refused by sizes, before a weight is read."""

import pathlib
import resource

import numpy as np
import pytest
import torch

import sancai
from builders import random_model, small_config
from sancai import api
from sancai.checkpoint import capacity, conversion, folder, loading
from sancai.checkpoint.conversion import convert, save_official, stored_bytes
from sancai.checkpoint.loading import load_official, open_model
from sancai.checkpoint.shards import Shards
from sancai.cli import OUT_OF_CAPACITY, main
from sancai.device import host_memory
from sancai.errors import CapacityError, CheckpointError, is_out_of_memory
from sancai.tokenizer import Tokenizer

CONFIG = small_config(
    visual=None, hidden_size=64, head_dim=32, q_lora_rank=32, o_lora_rank=32, moe_intermediate_size=32, o_groups=2,
    index_head_dim=16, vocab_size=300,
)  # fmt: skip


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    target = tmp_path_factory.mktemp("official")
    save_official(target, CONFIG, random_model(CONFIG, seed=3).state_dict(), "fp8", 50_000)
    Tokenizer.train(["a few words"], 300).save(target / "tokenizer.json")
    return target


def taken(model: torch.nn.Module) -> int:
    return sum(t.nbytes for t in model.state_dict().values())


@pytest.mark.parametrize("dequantize", [False, True])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_the_size_is_told_exactly(
    official: pathlib.Path, dequantize: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    monkeypatch.setattr(loading, "check_memory", lambda folder, needed: told.append(needed))
    assert taken(load_official(official, dtype, dequantize=dequantize)) == told[0]


@pytest.mark.parametrize("is_official", [True, False])
def test_a_model_larger_than_memory_is_refused_unread(
    official: pathlib.Path,
    is_official: bool,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = official if is_official else tmp_path
    if not is_official:
        tokenizer = Tokenizer.train(["a few words"], 300)
        folder.save_model(tmp_path, CONFIG, random_model(CONFIG, seed=3).state_dict(), tokenizer)
    monkeypatch.setattr(Shards, "read", lambda *_: pytest.fail("a weight was read"))
    monkeypatch.setattr(folder, "load_file", lambda *_: pytest.fail("a weight was read"))
    monkeypatch.setattr(capacity, "free_host_memory", lambda: 10_000)
    assert main(["chat", "hello", "-m", str(source)]) == OUT_OF_CAPACITY
    said = capsys.readouterr().err
    assert "of memory, this machine has 0.0 MiB free; no format of it fits (bf16 0." in said


def test_the_message_names_the_formats_that_fit(official: pathlib.Path) -> None:
    small = stored_bytes(CONFIG, "fp4")
    assert small < stored_bytes(CONFIG, "fp8") < stored_bytes(CONFIG, "bf16")
    with pytest.raises(CapacityError, match=r"would fit as fp4 \(.*--to official-FORMAT"):
        capacity.check_memory(official, 10**9, small)
    capacity.check_memory(official, small, small)


def test_a_model_larger_than_its_device_is_refused_unread(
    official: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Shards, "read", lambda *_: pytest.fail("a weight was read"))
    monkeypatch.setattr(api, "device_memory", lambda platform: (1000, 2000))
    with pytest.raises(CapacityError, match="the device has"):
        sancai.load(official)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(12, "Cannot allocate memory"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes."),
        RuntimeError("unable to mmap 12 bytes from file <x>: Cannot allocate memory (12)"),
    ],
)
def test_memory_that_runs_out_is_not_a_damaged_file(
    official: pathlib.Path, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr("sancai.checkpoint.shards.safe_open", full)
    with pytest.raises(CapacityError, match="not enough memory to read"):
        open_model(official)
    assert is_out_of_memory(error) and not is_out_of_memory(OSError(28, "No space left on device"))


def test_every_header_is_read_once_and_only_headers(official: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    original = loading.Shards.__init__.__globals__["read_header"]
    monkeypatch.setattr(
        "sancai.checkpoint.shards.read_header", lambda path: read.append(path.name) or original(path)
    )  # fmt: skip
    monkeypatch.setattr(capacity, "free_host_memory", lambda: 0)
    with pytest.raises(CapacityError):
        load_official(official)
    assert len(read) > 3 and sorted(read) == sorted(p.name for p in official.glob("*.safetensors"))


@pytest.mark.parametrize("content", [b"", b"\x10\x00\x00\x00\x00\x00\x00\x00{}", b"\x02\x00\x00\x00\x00\x00\x00\x00[]"])
def test_a_file_without_a_header_is_named(official: pathlib.Path, tmp_path: pathlib.Path, content: bytes) -> None:
    convert(official, tmp_path / "copy", "fp8", 50_000)
    (tmp_path / "copy" / "model-00002.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"model-00002\.safetensors .*fetch that file again"):
        load_official(tmp_path / "copy")


def test_a_full_disk_is_seen_before_a_conversion_begins(
    official: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(conversion.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(CapacityError, match=r"its disk has 0\.00 GiB free"):
        convert(official, tmp_path / "target", "bf16")
    assert not (tmp_path / "target").exists()


# --- what the host has left ------------------------------------------------------------------------------


@pytest.fixture
def system(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A Linux with 1 GiB available and 1 KiB of swap, and no limits."""
    monkeypatch.setattr(host_memory, "PROC", tmp_path / "proc")
    monkeypatch.setattr(host_memory, "CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:  1048576 kB\nSwapFree: 1 kB\n")
    return tmp_path


def write(folder: pathlib.Path, **contents: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name.replace("__", ".")).write_text(f"{content}\n")


def test_swap_and_what_the_system_would_free_count(system: pathlib.Path) -> None:
    assert host_memory.free_host_memory() == 2**30 + 1024


def test_a_container_counts_without_copies_of_files(system: pathlib.Path) -> None:
    (system / "proc" / "self" / "cgroup").write_text("0::/a/b\n")
    write(system / "cgroup" / "a" / "b", memory__max="max", memory__current=700)
    write(system / "cgroup" / "a", memory__max=1000, memory__current=900, memory__stat="anon 600\nfile 300")
    assert host_memory.free_host_memory() == 1000 - 900 + 300
    (system / "proc" / "self" / "cgroup").write_text("4:memory:/c\n1:cpu:/\n0::/\n")
    write(
        system / "cgroup" / "memory" / "c",
        memory__limit_in_bytes=500, memory__usage_in_bytes=200, memory__stat="cache 9\ntotal_cache 50",
    )  # fmt: skip
    assert host_memory.free_host_memory() == 500 - 200 + 50
    write(system / "cgroup" / "memory" / "c", memory__limit_in_bytes=2**63 - 4096)
    assert host_memory.free_host_memory() == 2**30 + 1024


def test_a_limit_of_the_process_counts(system: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (system / "proc" / "self" / "statm").write_text("3 2 1\n")
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (20 * resource.getpagesize(), 0))
    assert host_memory.free_host_memory() == 17 * resource.getpagesize()


def test_a_system_that_says_nothing_refuses_nothing(official: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "free_host_memory", lambda: None)
    capacity.check_memory(official, 2**80)


def test_copied_weights_equal_what_was_saved(tmp_path: pathlib.Path) -> None:
    model = random_model(CONFIG, seed=3)
    folder.save_model(tmp_path, CONFIG, model.state_dict(), Tokenizer.train(["a"], 300), torch.float32)
    again, _ = open_model(tmp_path)
    assert all(
        np.array_equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True)
    )
