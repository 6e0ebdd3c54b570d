"""NVIDIA, and any device of its type whose name matches no other family."""

from sancai.device.chip import Chip

CHIP = Chip(
    key="nvidia", title="NVIDIA", device_type="cuda", device_nodes="/dev/nvidia[0-9]*", collectives="nccl",
    visible_devices="CUDA_VISIBLE_DEVICES", operator_table="cuda",
)  # fmt: skip
