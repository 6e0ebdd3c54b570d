"""Cambricon MLU, through torch_mlu."""

from sancai.device.chip import Chip

CHIP = Chip(
    key="cambricon", title="Cambricon MLU", device_type="mlu", module="torch_mlu", distribution="torch_mlu",
    pairs_with_torch=False, device_nodes="/dev/cambricon_dev*", collectives="cncl",
    visible_devices="MLU_VISIBLE_DEVICES", forbid_fallback=("ENABLE_FALLBACK_TO_CPU", "0"),
    operator_table="cambricon",
    hints=(("libcn", "the vendor's runtime is missing: start from its container, or install CNToolkit"),),
    quirks=(
        "Unsupported operators run on the CPU silently unless ENABLE_FALLBACK_TO_CPU=0.",
        "torch_mlu exists in the vendor's containers only, for torch 2.7 and 2.11.",
    ),
)  # fmt: skip
