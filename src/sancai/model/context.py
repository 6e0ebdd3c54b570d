"""What all layers of one forward pass share."""

from dataclasses import dataclass

from torch import Tensor

from sancai.model.metadata import AttentionMetadata
from sancai.model.moe import AuxiliaryLosses
from sancai.model.noise import NoiseLevel


@dataclass(frozen=True)
class ForwardContext:
    """What all layers of one forward pass share.

    ids: (B, Tt), which hash layers route by.
    noise: the noise levels of visual tokens, None where there are none.
    aux: collects routing statistics and side losses, None outside training.
    use_cache: later passes read what this one leaves behind.
    """

    metadata: AttentionMetadata
    ids: Tensor
    noise: NoiseLevel | None = None
    aux: AuxiliaryLosses | None = None
    use_cache: bool = False

    @property
    def indexer_learns(self) -> bool:
        """Whether indexers compute their loss."""
        return self.aux is not None and self.aux.wants_indexer
