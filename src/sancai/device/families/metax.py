"""MetaX, whose PyTorch answers to the name of another maker's device."""

from sancai.device.chip import Chip

CHIP = Chip(
    key="metax", title="MetaX", device_type="cuda", device_nodes="/dev/mxcd", collectives="nccl",
    visible_devices="CUDA_VISIBLE_DEVICES", ray_resource="GPU",
    name_pattern=r"metax|\bmx[cn]\d{3}\b", newest_torch="2.10",
    operator_table="metax",
    quirks=(
        "The device type is cuda and torch.version.cuda tells 11.6: only the device's name gives it away.",
        "Of torch.accelerator only device management exists; memory calls go through the device's own module.",
        "Peak memory cannot be reset before the device is first used; cuDNN attention must stay off.",
    ),
)  # fmt: skip
