"""The record of a chip family: everything that Sancai knows about it without running anything."""

import re
from dataclasses import dataclass

from sancai.errors import ConfigError

DTYPES = (
    "float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float4_e2m1fn_x2", "complex64", "complex128", "int8",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Chip:
    """One family of chips that PyTorch reaches by one device type.

    A new chip needs nothing but such a record.  Other packages register theirs under the entry-point group
    `sancai.chips`.
    """

    key: str
    """Name on the command line and in SANCAI_DEVICE."""
    title: str
    """Name in messages, vendor first."""
    device_type: str
    """Its type in `torch.device`."""
    module: str | None = None
    """Package that adds the device to PyTorch; None where PyTorch has it built in."""
    distribution: str | None = None
    """Distribution name of that package."""
    pairs_with_torch: bool = True
    """Whether the package has the version number of the torch that it needs."""
    device_nodes: str | None = None
    """Glob pattern of its device files."""
    hints: tuple[tuple[str, str], ...] = ()
    """Pairs of a text in an error message and the advice for it."""
    collectives: str = "gloo"
    """Backend of `torch.distributed`."""
    visible_devices: str | None = None
    """Environment variable that restricts the visible devices."""
    forbid_fallback: tuple[str, str] | None = None
    """Environment variable and value that turn a silent fallback to the CPU into an error."""
    name_pattern: str | None = None
    """Regular expression of device names that distinguishes this family from others of the same device type."""
    compute_dtypes: tuple[str, ...] = ("float32", "float16", "bfloat16")
    """Dtypes of its matrix products, the best for inference last."""
    banned_dtypes: tuple[str, ...] = ("float64", "complex64", "complex128")
    """Dtypes that must not reach it."""
    operator_table: str | None = None
    """Name of the published table of the operators that it supports (see `operators`)."""
    quirks: tuple[str, ...] = ()
    """What its owner should know, one sentence each."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.key):
            raise ConfigError(f"a chip's key consists of lower-case letters, digits and _; got {self.key!r}")
        unknown = sorted({*self.compute_dtypes, *self.banned_dtypes} - set(DTYPES))
        if unknown:
            raise ConfigError(f"chip {self.key} names unknown dtypes {unknown}; expected {', '.join(DTYPES)}")
        both = sorted(set(self.compute_dtypes) & set(self.banned_dtypes))
        if both or "float32" not in self.compute_dtypes:
            raise ConfigError(f"chip {self.key} must compute in float32, and not in a dtype that it bans: {both}")

    @property
    def best_dtype(self) -> str:
        """Name of the dtype that layers compute in by default."""
        return self.compute_dtypes[-1]

    def owns(self, device_name: str) -> bool:
        """Return whether a device of this type and name belongs to this family."""
        return self.name_pattern is None or re.search(self.name_pattern, device_name, re.IGNORECASE) is not None
