"""The record of a chip family: everything that Sancai knows about it before it is asked to compute."""

import re
from dataclasses import dataclass

from sancai.errors import ConfigError

DTYPES = (
    "float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float4_e2m1fn_x2", "complex64", "complex128", "int8",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Chip:
    """One family of chips that PyTorch reaches by one device type.

    A record of this kind is all that a new chip needs; packages of others announce theirs under the
    entry-point group `sancai.chips`.
    """

    key: str
    """Name on the command line and in SANCAI_DEVICE."""
    title: str
    """Name in messages, maker first."""
    device_type: str
    """What `torch.device` calls it."""
    module: str | None = None
    """Package that gives PyTorch this device; None where PyTorch has it itself."""
    distribution: str | None = None
    """Name under which that package is installed."""
    pairs_with_torch: bool = True
    """Whether the package has the version numbers of the torch that it needs."""
    device_nodes: str | None = None
    """Pattern of its device files."""
    hints: tuple[tuple[str, str], ...] = ()
    """What to do when an error message holds a text."""
    collectives: str = "gloo"
    """Backend of `torch.distributed`."""
    visible_devices: str | None = None
    """Environment variable that picks devices."""
    ray_resource: str | None = None
    forbid_fallback: tuple[str, str] | None = None
    """Environment variable and value that turn a silent fallback to the CPU into an error."""
    name_pattern: str | None = None
    """Pattern of device names that tells this family from others of the same device type."""
    compute_dtypes: tuple[str, ...] = ("float32", "float16", "bfloat16")
    """Number formats that its matrix products take, best for inference last."""
    banned_dtypes: tuple[str, ...] = ("float64", "complex64", "complex128")
    """Number formats that must not reach it."""
    wide_integers: bool = True
    """Whether arithmetic on int64 is safe; indices may be int64 everywhere."""
    newest_torch: str = "2.13"
    """Newest PyTorch line that its maker is known to support."""
    operator_table: str | None = None
    """Name of the published table of its operators."""
    quirks: tuple[str, ...] = ()
    """What an owner has to know, one sentence each."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.key):
            raise ConfigError(f"a chip's key is lower-case letters, digits and _; got {self.key!r}")
        unknown = sorted({*self.compute_dtypes, *self.banned_dtypes} - set(DTYPES))
        if unknown:
            raise ConfigError(f"chip {self.key} names unknown number formats {unknown}; expected {', '.join(DTYPES)}")
        both = sorted(set(self.compute_dtypes) & set(self.banned_dtypes))
        if both or "float32" not in self.compute_dtypes:
            raise ConfigError(f"chip {self.key} must compute in float32 and cannot compute in what it bans: {both}")

    @property
    def best_dtype(self) -> str:
        """Number format that layers compute in, unless one is asked for."""
        return self.compute_dtypes[-1]

    def owns(self, device_name: str) -> bool:
        """Return whether a device of this type and name belongs to this family."""
        return self.name_pattern is None or re.search(self.name_pattern, device_name, re.IGNORECASE) is not None
