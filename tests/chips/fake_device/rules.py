"""What the fake device knows of operators: which it refuses."""

SAME = {"convolution": "convolution_overrideable", "convolution_backward": "convolution_backward_overrideable"}
"""Whole operators and the name under which a device outside PyTorch's tree supplies them."""

EMPTY = frozenset({"empty_like", "new_empty", "new_empty_strided"})
"""Operators whose result nobody has written yet."""

WHOLE = frozenset({"silu_backward", "mish_backward"})
"""Operators that PyTorch takes apart before they reach a device, unless the device has registered its own."""

RANGES = ("arange", "arange.start", "arange.start_step")

READS = frozenset({"_local_scalar_dense", "item", "equal", "is_nonzero", "allclose", "_assert_async"})
"""Operators that make the host wait for a value."""

DYNAMIC = frozenset(
    {
        "nonzero", "masked_select", "unique_dim", "unique_consecutive", "unique_dim_consecutive", "_unique", "_unique2",
        "repeat_interleave.Tensor", "bincount", "histc", "argwhere",
    }
)  # fmt: skip
"""Operators whose result's shape depends on values."""

PRECISE = frozenset(
    {"topk", "sort", "sort.stable", "cumsum", "gather", "_softmax", "_log_softmax", "logsumexp", "multinomial"}
)
"""Operators that vendors document for fp32 only, or that routing needs exact: never in half precision."""

ARITHMETIC = frozenset(
    {
        "add.Tensor", "add.Scalar", "add_.Tensor", "sub.Tensor", "mul.Tensor", "mul.Scalar", "mul.out", "floor_divide",
        "cumsum", "sum.dim_IntList", "sum", "clamp", "remainder.Scalar", "div.Tensor_mode",
    }
)  # fmt: skip
"""Operators whose int64 results are arithmetic, slow or missing on some chips; the audit keeps their list."""

INDEXED = frozenset(
    {"index.Tensor", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index.Tensor", "index.Tensor_out"}
)
"""Operators that a boolean tensor among the indices turns into dynamic ones."""
