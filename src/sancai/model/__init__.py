"""DeepSeek-V4 for text, pictures and film."""

from sancai.model.cache import Cache
from sancai.model.config import ModelConfig, VisualConfig
from sancai.model.moe import Auxiliary
from sancai.model.transformer import Output, Transformer, has_next

__all__ = ["Auxiliary", "Cache", "ModelConfig", "Output", "Transformer", "VisualConfig", "has_next"]
