"""Every chip's record keeps the contract, with a made-up module where its vendor's would be."""

import types
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from sancai.device import chip_of, chips
from sancai.device.chip import DTYPES
from sancai.device.detect import detect
from sancai.device.platform import (
    Platform,
    compute_dtype,
    device_memory,
    peak_memory_bytes,
    reset_peak,
    synchronize,
)

KEYS = sorted(chips())
OTHERS = [k for k in KEYS if k != "cpu"]
NAMES = {
    "ascend": "Ascend910B2", "cambricon": "MLU590", "moore_threads": "MTT S5000", "enflame": "S60",
    "metax": "MetaX C500", "hygon": "Hygon BW200", "kunlunxin": "KUNLUNXIN P800", "iluvatar": "Iluvatar BI-V150",
    "nvidia": "NVIDIA H100", "amd": "AMD Instinct MI300X", "apple": "mps",
}  # fmt: skip


CALLS = ("synchronize", "reset_peak_memory_stats", "mem_get_info", "max_memory_allocated")


class Vendor:
    """A vendor's module: counts what it is asked."""

    def __init__(self, name: str) -> None:
        self.name, self.asked = name, []

    def is_available(self) -> bool:
        return True

    def device_count(self) -> int:
        return 2

    def get_device_name(self, index: int) -> str:
        return self.name

    def __getattr__(self, name: str) -> Any:
        if name not in CALLS:
            raise AttributeError(name)

        def call() -> Any:
            self.asked.append(name)
            return {"max_memory_allocated": 7, "mem_get_info": (3, 5)}.get(name)

        return call


@pytest.fixture
def vendor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Platform, Vendor]]:
    """A platform of the chip on a module that answers."""
    chip = chips()[request.param]
    module = Vendor(NAMES[chip.key])
    monkeypatch.setattr(torch, "get_device_module", lambda device=None: module)
    device = types.SimpleNamespace(type=chip.device_type, index=0)
    yield Platform(NAMES[chip.key], device, compute_dtype(chip), chip), module  # type: ignore[arg-type]


@pytest.mark.parametrize("vendor", OTHERS, indirect=True)
def test_a_platform_asks_the_vendors_own_module(vendor: tuple[Platform, Vendor]) -> None:
    platform, module = vendor
    synchronize(platform)
    reset_peak(platform)
    assert device_memory(platform) == (3, 5)
    assert peak_memory_bytes(platform) == 7
    assert module.asked == list(CALLS)


@pytest.mark.parametrize("vendor", OTHERS, indirect=True)
def test_what_a_maker_lacks_is_no_error(vendor: tuple[Platform, Vendor], monkeypatch: pytest.MonkeyPatch) -> None:
    platform, _ = vendor
    monkeypatch.setattr(torch, "get_device_module", lambda device=None: types.SimpleNamespace())
    reset_peak(platform)
    assert device_memory(platform) is None and peak_memory_bytes(platform) == 0


@pytest.mark.parametrize("key", [k for k in OTHERS if k != "apple"])
def test_a_device_of_the_chip_is_found_as_that_chip(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    chip = chips()[key]
    for other in {c.device_type for c in chips().values()} - {"cpu", "mps"}:
        monkeypatch.setattr(torch, other, types.SimpleNamespace(is_available=lambda: False), raising=False)
    monkeypatch.setattr(torch, chip.device_type, Vendor(NAMES[key]), raising=False)
    monkeypatch.setattr("sancai.device.detect.device_name", lambda device: NAMES[key])
    monkeypatch.setattr("sancai.device.detect.torch.device", lambda *a: a)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    first = detect()[0]
    assert (first.chip.key, first.count, first.name) == (key, 2, NAMES[key])


@pytest.mark.parametrize("key", KEYS)
def test_a_record_is_whole(key: str) -> None:
    chip = chips()[key]
    assert chip.key == key and chip.title and chip.device_type and chip.collectives
    assert chip.module is None or chip.module.isidentifier()
    assert chip.forbid_fallback is None or all(isinstance(part, str) and part for part in chip.forbid_fallback)
    assert set(chip.compute_dtypes) | set(chip.banned_dtypes) <= set(DTYPES)
    assert all(quirk.endswith(".") for quirk in chip.quirks)
    assert key == "cpu" or {"float64", "complex64", "complex128"} <= set(chip.banned_dtypes)


@pytest.mark.parametrize("key", KEYS)
def test_every_compute_dtype_of_a_record_can_be_asked_for(key: str) -> None:
    chip = chips()[key]
    assert [str(compute_dtype(chip, name)) for name in chip.compute_dtypes] == [
        f"torch.{n}" for n in chip.compute_dtypes
    ]


def test_one_family_owns_what_the_names_of_its_type_leave() -> None:
    for kind in {c.device_type for c in chips().values()}:
        same = [c for c in chips().values() if c.device_type == kind]
        assert [c.key for c in same if c.name_pattern is None] == [chip_of(kind, "a name nobody has").key]
