"""MetaX, whose PyTorch uses another vendor's device type."""

from sancai.device.chip import Chip

CHIP = Chip(
    key="metax", title="MetaX", device_type="cuda", device_nodes="/dev/mxcd", collectives="nccl",
    visible_devices="CUDA_VISIBLE_DEVICES",
    name_pattern=r"metax|\bmx[cn]\d{3}\b", operator_table="metax",
    quirks=(
        "The device type is cuda and torch.version.cuda is 11.6: only the device's name distinguishes it.",
        "Of torch.accelerator only device management exists; memory calls go through the device's own module.",
        "Peak memory cannot be reset before the device is first used; cuDNN attention must stay off.",
    ),
)  # fmt: skip
