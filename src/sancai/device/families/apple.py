"""Apple's graphics processors."""

from sancai.device.chip import Chip

CHIP = Chip(
    key="apple", title="Apple", device_type="mps", compute_dtypes=("bfloat16", "float16", "float32"),
    quirks=("There is no float64; layers compute in float32.",),
)  # fmt: skip
