"""Iluvatar CoreX, whose PyTorch uses another vendor's device type."""

from sancai.device.chip import Chip

CHIP = Chip(
    key="iluvatar", title="Iluvatar CoreX", device_type="cuda", collectives="nccl",
    visible_devices="CUDA_VISIBLE_DEVICES", name_pattern=r"iluvatar|\bBI-?V?\d{3}|\bMR-?V\d+",
    operator_table="cuda",
    quirks=("The device type is cuda; its PyTorch (2.7) needs numpy below 2.",),
)  # fmt: skip
