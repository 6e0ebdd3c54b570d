"""One decoder layer for both modalities: attention site, then expert site, each with its own mHC."""

from dataclasses import dataclass
from typing import Any, cast

from torch import Tensor, nn

from sancai.model.attention import Attention, attend
from sancai.model.cache import LayerCache
from sancai.model.config import ModelConfig
from sancai.model.hyper_connection import HyperConnection
from sancai.model.layout import Layout
from sancai.model.linear import RMSNorm
from sancai.model.moe import Auxiliary, MoE
from sancai.model.noise import LayerNoise, NoiseModulation, modulate


class Block(nn.Module):
    """The text half of a layer: stock DeepSeek-V4."""

    def __init__(self, config: ModelConfig, ratio: int, name: str, is_hash: bool) -> None:
        super().__init__()
        self.attn = Attention(config, ratio)
        self.ffn = MoE(config, name, is_visual=False, is_hash=is_hash)
        self.attn_norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.ffn_norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.hc_attn, self.hc_ffn = HyperConnection(config), HyperConnection(config)


class VisualBlock(nn.Module):
    """The visual half of a layer: what `sharing` makes its own, and the noise level's way in."""

    def __init__(self, config: ModelConfig, ratio: int, name: str) -> None:
        super().__init__()
        sharing = config.visual.sharing if config.visual else "full"
        if sharing in ("mot", "frozen_text"):
            self.attn = Attention(config, ratio)
            self.attn_norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
            self.ffn_norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
            self.hc_attn, self.hc_ffn = HyperConnection(config), HyperConnection(config)
        if sharing != "full":
            self.ffn = MoE(config, name, is_visual=True, is_hash=False)
        self.noise = LayerNoise(config)

    def part(self, name: str, text: Block) -> Any:
        """Return the module that visual tokens use: their own, or the text half's."""
        return getattr(self, name) if name in self._modules else getattr(text, name)


@dataclass(frozen=True)
class Pass:
    """What every layer of one forward pass shares."""

    layout: Layout
    num_committed: int
    ids: Tensor
    real: dict[str, Tensor]
    noise: NoiseModulation | None
    aux: Auxiliary | None


def run_block(
    text: Block,
    visual: VisualBlock | None,
    streams: dict[str, Tensor],
    ratio: int,
    past: LayerCache | None,
    step: Pass,
) -> tuple[dict[str, Tensor], LayerCache]:
    """Return the new streams (B, T, N, D) by modality and the layer's cache tensors."""

    def part(name: str, modality: str) -> Any:
        return getattr(text, name) if modality == "text" or visual is None else visual.part(name, text)

    def shifts(modality: str) -> LayerNoise | None:
        return visual.noise if visual is not None and modality == "visual" else None

    level = cast(NoiseModulation, step.noise)  # present whenever visual tokens are
    hidden, mixing = {}, {}
    for modality, x in streams.items():
        noise = shifts(modality)
        z, post, comb = part("hc_attn", modality).collapse(x, noise.attn_shift(level) if noise else None)
        h = part("attn_norm", modality)(z)
        hidden[modality] = modulate(h, *noise.attn_modulation(level)) if noise else h
        mixing[modality] = post, comb
    halves = {m: part("attn", m) for m in streams}
    out, kept = attend(halves, hidden, step.layout, ratio, past, step.num_committed, step.aux)
    streams = {m: part("hc_attn", m).expand(x, out[m], *mixing[m]) for m, x in streams.items()}
    done = {}
    for modality, x in streams.items():
        noise = shifts(modality)
        z, post, comb = part("hc_ffn", modality).collapse(x, noise.ffn_shift(level) if noise else None)
        h = part("ffn_norm", modality)(z)
        read = modulate(h, *noise.ffn_modulation(level)) if noise else h
        ids = step.ids if modality == "text" else None
        y = part("ffn", modality)(read, h, ids, step.real[modality], step.aux)
        done[modality] = part("hc_ffn", modality).expand(x, y, post, comb)
    return done, kept
