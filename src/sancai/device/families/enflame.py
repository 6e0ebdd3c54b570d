"""Enflame GCU, through torch_gcu."""

from sancai.device.chip import Chip

CHIP = Chip(
    key="enflame", title="Enflame GCU", device_type="gcu", module="torch_gcu", distribution="torch_gcu",
    device_nodes="/dev/gcu*", collectives="eccl",
    visible_devices="TOPS_VISIBLE_DEVICES",
    quirks=(
        "torch_gcu must be imported before torch.distributed.",
        "Older cards have no 64-bit integers; index arithmetic stays in int32.",
    ),
)  # fmt: skip
