"""Hygon DCU, a HIP build of PyTorch."""

from sancai.device.chip import Chip

CHIP = Chip(
    key="hygon", title="Hygon DCU", device_type="cuda", collectives="nccl", visible_devices="HIP_VISIBLE_DEVICES",
    name_pattern=r"hygon|\bdcu\b|\b[KZ]100(_|\b)|\bBW\d{3}", operator_table="cuda",
    quirks=("The device type is cuda; float64 and complex copies work, but nothing here needs them.",),
)  # fmt: skip
