"""Kunlunxin, a plug-in over a stock build of PyTorch."""

from sancai.device.chip import Chip

CHIP = Chip(
    key="kunlunxin", title="Kunlunxin XPU", device_type="cuda", collectives="nccl",
    visible_devices="CUDA_VISIBLE_DEVICES", name_pattern=r"kunlun|\bxpu\b",
    operator_table="cuda",
    quirks=("The device type is cuda; sort, cumsum and top-k must be the vendor's, not those of Triton packages.",),
)  # fmt: skip
