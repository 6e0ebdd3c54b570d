"""DeepSeek-V4 for text, pictures and film."""

from sancai.model.cache import Cache
from sancai.model.compressor import CSA_RATIO
from sancai.model.config import ModelConfig, VisualConfig
from sancai.model.layout import Layout
from sancai.model.linear import Linear
from sancai.model.moe import Auxiliary, Experts
from sancai.model.named import NAMED, named_config
from sancai.model.transformer import Output, Transformer, has_next

__all__ = [
    "CSA_RATIO", "NAMED",
    "Auxiliary", "Cache", "Experts", "Layout", "Linear", "ModelConfig", "Output", "Transformer", "VisualConfig",
    "has_next", "named_config",
]  # fmt: skip
