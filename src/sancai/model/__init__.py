"""DeepSeek-V4 for text, pictures and film.

To read it against the paper, go down from `Transformer.forward` (transformer.py) to `DecoderLayer.forward`
(decoder_layer.py), and from there to a `Site` (mHC, norm, noise level), `joint_attention` (attention.py holds the
weights, compressor.py the entries, indexer.py their choice, metadata.py masks and positions) and `MoE` (moe.py).

Letters of tensor shapes, the same in all docstrings:

    B rows            T tokens           Tt text tokens     Tv visual tokens   Tn noisy tokens
    D hidden size     N residual streams V vocabulary       C latent channels
    H query heads     K head width       R rotary channels  Q query latent
    S raw keys        M entries          m tokens a window  W channels before pooling
    I index width     E experts          k experts a token  F frames; in experts their inner width
    Y, X rows and columns of a frame, in tokens

"(B, T, ...) by modality" is a dictionary with the keys "text" and "visual".
"""

from sancai.model.cache import Cache
from sancai.model.compressor import CSA_RATIO
from sancai.model.config import ModelConfig, VisualConfig
from sancai.model.linear import Linear
from sancai.model.metadata import AttentionMetadata
from sancai.model.module import Module, fp32_tensors, muon_parameters
from sancai.model.moe import AuxiliaryLosses, Experts
from sancai.model.named import NAMED, named_config
from sancai.model.transformer import Output, Transformer, has_next

__all__ = [
    "CSA_RATIO", "NAMED",
    "AttentionMetadata", "AuxiliaryLosses", "Cache", "Experts", "Linear", "ModelConfig", "Module", "Output",
    "Transformer", "VisualConfig",
    "fp32_tensors", "has_next", "muon_parameters", "named_config",
]  # fmt: skip
