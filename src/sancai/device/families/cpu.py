"""Any processor that PyTorch runs on."""

from sancai.device.chip import Chip

CHIP = Chip(
    key="cpu", title="CPU", device_type="cpu", compute_dtypes=("float16", "bfloat16", "float32"), banned_dtypes=(),
)  # fmt: skip
