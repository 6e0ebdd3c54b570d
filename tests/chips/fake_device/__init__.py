"""A device that is none: PyTorch's open slot, computing with CPU kernels, as strict as the strictest chip."""
