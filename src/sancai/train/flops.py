"""Model FLOPs of a training step: what the mathematics needs, whatever kernels compute it and however rows are padded.

Counted as for MFU in PaLM (arXiv 2204.02311, appendix B): per real token 6 FLOPs for each weight of a matrix that it
passes (2 forward, 4 backward; of routed experts only the chosen ones), and 12 · heads · head width for each key that it
attends to in a layer.  Elementwise work, indexers and the optimizer are left out.
"""

from dataclasses import dataclass

from torch import Tensor

from sancai.model import ModelConfig, Transformer
from sancai.model.compressor import CSA_RATIO
from sancai.sequence import TokenMeta
from sancai.train.batch import Batch

PER_WEIGHT = 6
PER_KEY = 12
ELEMENTWISE = ("ape", "table", "stream_scale")
"""Parameters with two or more dimensions that no product uses."""
PER_FRAME = ("noise.",)
"""Modules that compute once a frame."""


@dataclass(frozen=True)
class ActiveWeights:
    """Weights of matrices that one token passes, by kind of token.

    text: of the text half.  noisy, clean: a visual token; noisy ones are not compressed.
    head: a learned text token in addition.  mtp: a text token in multi-token prediction, in addition.
    """

    text: float
    noisy: float
    clean: float
    head: float
    mtp: float


def active_weights(model: Transformer) -> ActiveWeights:
    """Count the weights of a model that one token of each kind passes."""
    config = model.config
    text, visual = _layer_weights(model)
    mtp = sum(_size(n, p, config) for n, p in model.mtp[0].named_parameters()) if len(model.mtp) else 0.0
    ends = 0.0
    if model.visual is not None and config.visual is not None:
        pixels = config.visual.pixel_shuffle**2  # a convolution's weights meet every pixel of a token
        named = [*model.visual.embed.named_parameters(), *model.visual.head.named_parameters()]
        ends = sum(_size(n, p, config) * (pixels if p.dim() == 4 else 1) for n, p in named)
    clean = sum(visual.values()) + ends
    noisy = clean - sum(size for name, size in visual.items() if ".compressor." in name)
    return ActiveWeights(sum(text.values()), noisy, clean, float(model.head.weight.numel()), mtp)


def _layer_weights(model: Transformer) -> tuple[dict[str, float], dict[str, float]]:
    """Return the weights of all layers, by name, that a text token and a visual token pass; they may share some."""
    text: dict[str, float] = {}
    visual: dict[str, float] = {}
    for number, layer in enumerate(model.layers):
        mine = {f"{number}.{n}": _size(n, p, model.config) for n, p in layer.named_parameters()}
        text |= mine
        if model.visual is not None:
            half = model.visual.layers[number]
            replaced = tuple(f"{number}.{name}." for name, _ in half.named_children())
            visual |= {n: size for n, size in mine.items() if not n.startswith(replaced)}
            visual |= {f"{number}.{n}": _size(n, p, model.config, is_visual=True) for n, p in half.named_parameters()}
    return text, visual


def _size(name: str, weight: Tensor, config: ModelConfig, is_visual: bool = False) -> float:
    """Return the weights of a parameter that one token passes."""
    if weight.dim() < 2 or name.endswith(ELEMENTWISE) or name.startswith(PER_FRAME) or "indexer." in name:
        return 0.0
    if ".experts." not in name:
        return float(weight.numel())
    side = config.visual if is_visual and config.visual else config
    return weight.numel() * side.num_experts_per_tok / weight.shape[0]


def batch_flops(batch: Batch, active: ActiveWeights, config: ModelConfig) -> float:
    """Return the model FLOPs of learning from a batch, forward and backward."""
    packed = batch.packed
    products = active.text * int(packed.text.is_real.sum()) + active.head * batch.text_tokens
    keys = _keys(packed.text, config, config.compress_ratios[: config.num_hidden_layers])
    if batch.task.mtp and config.num_nextn_predict_layers:
        products += active.mtp * int(packed.text.is_real.sum()) + active.head * batch.text_tokens
        keys += _keys(packed.text, config, (0,))
    if packed.visual is not None:
        real = packed.visual.is_real
        products += active.clean * int(real[:, : packed.num_committed].sum())
        products += active.noisy * int(real[:, packed.num_committed :].sum())
        keys += _keys(packed.visual, config, config.compress_ratios[: config.num_hidden_layers])
    return PER_WEIGHT * products + PER_KEY * config.num_attention_heads * config.head_dim * keys


def _keys(tokens: TokenMeta, config: ModelConfig, ratios: tuple[int, ...]) -> float:
    """Return how many keys all tokens read in layers of these ratios: window, compressed entries, their own block."""
    real = tokens.is_real
    before = tokens.causal_limit[real].float()
    own = _block_sizes(tokens)[real].float()
    total = float(own.sum() + before.clamp(max=config.sliding_window).sum()) * len(ratios)
    for ratio in filter(None, ratios):
        entries = before.div(ratio).floor()
        total += float(entries.clamp(max=config.index_topk if ratio == CSA_RATIO else None, min=0).sum())
    return total


def _block_sizes(tokens: TokenMeta) -> Tensor:
    """Return how many tokens the block of each token has (B, T), 0 for text."""
    return (tokens.copy_id[:, :, None] == tokens.copy_id[:, None]).sum(-1) * (tokens.copy_id > 0)
