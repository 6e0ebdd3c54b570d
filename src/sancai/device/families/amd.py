"""AMD, through ROCm."""

from sancai.device.chip import Chip

CHIP = Chip(
    key="amd", title="AMD", device_type="cuda", device_nodes="/dev/kfd", collectives="nccl",
    visible_devices="HIP_VISIBLE_DEVICES",
    name_pattern=r"\bamd\b|radeon|instinct|\bMI\d{3}", operator_table="cuda",
)  # fmt: skip
