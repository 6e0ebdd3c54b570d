"""Sancai's kernels for CPUs.  Tensors are contiguous, on the host, in fp32 or bf16; nothing here knows autograd."""

from sancai_native._kernels import (
    Site,
    adamw,
    combine,
    compress,
    compress_backward,
    gather,
    instruction_set,
    muon,
    norm_rope,
    norm_rope_backward,
    site,
    site_backward,
    softmax,
    softmax_backward,
    sort_pairs,
    swiglu,
    swiglu_backward,
)

__version__ = "0.1.0"
__all__ = [
    "Site",
    "adamw",
    "combine",
    "compress",
    "compress_backward",
    "gather",
    "instruction_set",
    "muon",
    "norm_rope",
    "norm_rope_backward",
    "site",
    "site_backward",
    "softmax",
    "softmax_backward",
    "sort_pairs",
    "swiglu",
    "swiglu_backward",
]
