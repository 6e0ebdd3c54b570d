"""A device under a chip's name that computes shapes only, and refuses what stands on two devices.

PyTorch's fake tensors, for one device alone: what lies on the host stays real, because sequences are planned there.
"""

from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend


class ShapeDevice(TorchDispatchMode):
    """Inside, tensors made on the device are shapes.

    Raises:
        FakeTensorDeviceMismatchError: an operator other than a copy got tensors of the host and the device.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.shapes = FakeTensorMode(allow_non_fake_inputs=True)
        _setup_privateuseone_for_python_backend(name)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not any(self._is_here(leaf) for leaf in tree_leaves((args, kwargs))):
            return func(*args, **kwargs)
        args, kwargs = tree_map_only(torch.Tensor, self._shape, (args, kwargs))
        with self.shapes:
            return func(*args, **kwargs)

    def _is_here(self, leaf: Any) -> bool:
        """Return whether a part of a call is one of ours, or names the device."""
        return isinstance(leaf, FakeTensor) or (isinstance(leaf, torch.device) and leaf.type == self.name)

    def _shape(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor if isinstance(tensor, FakeTensor) else self.shapes.from_tensor(tensor)

    def take(self, model: nn.Module) -> None:
        """Bring what a model made on the host; `Module.to` cannot swap fake tensors."""
        for module in model.modules():
            for name, buffer in module.named_buffers(recurse=False):
                module._buffers[name] = buffer.to(self.name)
