"""Moore Threads, through torch_musa."""

from sancai.device.chip import Chip

CHIP = Chip(
    key="moore_threads", title="Moore Threads MUSA", device_type="musa", module="torch_musa", distribution="torch_musa",
    device_nodes="/dev/mtgpu.*", collectives="mccl",
    visible_devices="MUSA_VISIBLE_DEVICES", operator_table="moorethreads",
    hints=(("libmusa", "the MUSA toolkit is missing: install it, or start from the vendor's container"),),
    quirks=(
        "torch.accelerator's memory calls are broken before torch_musa 2.11.0.post2.",
        "There is no float64 matrix product and no sum of uint8.",
    ),
)  # fmt: skip
