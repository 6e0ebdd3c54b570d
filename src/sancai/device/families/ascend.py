"""Huawei Ascend, through torch-npu and CANN."""

from sancai.device.chip import Chip

CHIP = Chip(
    key="ascend", title="Huawei Ascend", device_type="npu", module="torch_npu", distribution="torch-npu",
    device_nodes="/dev/davinci[0-9]*", collectives="hccl",
    visible_devices="ASCEND_RT_VISIBLE_DEVICES",
    forbid_fallback=("TORCH_NPU_FALLBACK_CPU_DISABLE", "1"), operator_table="ascend",
    hints=(
        ("libhccl", "install CANN and source its environment script before starting Python"),
        ("libascend", "install CANN and source its environment script before starting Python"),
        ("undefined symbol", "torch-npu and CANN do not match: torch-npu's readme lists the pairs"),
    ),
    quirks=(
        "torch-npu loads itself with torch: without CANN's environment script `import torch` fails; "
        "TORCH_DEVICE_BACKEND_AUTOLOAD=0 leaves it out.",
        "An A3 card (910C) shows as two devices.",
        "fp8 and fp4 products exist on the 950 only; elsewhere quantised weights are dequantised at use.",
        "PYTORCH_NPU_ALLOC_CONF=expandable_segments:True avoids fragmentation of device memory.",
    ),
)  # fmt: skip
