"""Operators: one file each, with a PyTorch reference; `dispatch` runs the kernels that `selection` found faster."""
