"""One decoder layer for both modalities: attention site, then expert site, each with its own mHC."""

from dataclasses import dataclass
from typing import Any, cast

from torch import Tensor, nn

from sancai.model.attention import Attention, attend
from sancai.model.cache import LayerCache
from sancai.model.config import ModelConfig
from sancai.model.hyper_connection import Entrance, HyperConnection
from sancai.model.layout import Layout
from sancai.model.linear import RMSNorm
from sancai.model.moe import Auxiliary, MoE
from sancai.model.noise import LayerNoise, NoiseModulation
from sancai.ops.site import Pending


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


@dataclass(frozen=True)
class Streams:
    """Residual streams (B, T, N, D) of one modality, and the last sublayer's output that is not mixed in yet."""

    tensor: Tensor
    pending: Pending | None = None

    def settled(self) -> Tensor:
        """Return the streams with everything mixed in."""
        if self.pending is None:
            return self.tensor
        output, post, comb = self.pending
        return HyperConnection.expand(self.tensor, output, post, comb)


def run_block(
    text: Block,
    visual: VisualBlock | None,
    streams: dict[str, Streams],
    ratio: int,
    past: LayerCache | None,
    step: Pass,
) -> tuple[dict[str, Streams], LayerCache]:
    """Return the new streams by modality and the layer's cache tensors."""

    def part(name: str, modality: str) -> Any:
        return getattr(text, name) if modality == "text" or visual is None else visual.part(name, text)

    def entered(x: Streams, modality: str, sublayer: str) -> Entrance:
        noise = None
        if visual is not None and modality == "visual":
            noise = visual.noise.at(sublayer, cast(NoiseModulation, step.noise))
        hyper, norm = part(f"hc_{sublayer}", modality), part(f"{sublayer}_norm", modality)
        return hyper.enter(x.tensor, x.pending, norm, noise)

    sites = {m: entered(x, m, "attn") for m, x in streams.items()}
    halves = {m: part("attn", m) for m in streams}
    read = {m: site.read for m, site in sites.items()}
    out, kept = attend(halves, read, step.layout, ratio, past, step.num_committed, step.aux)
    done = {}
    for modality, site in sites.items():
        x = entered(Streams(site.streams, site.pending(out[modality])), modality, "ffn")
        ids = step.ids if modality == "text" else None
        y = part("ffn", modality)(x.read, x.normed, ids, step.real[modality], step.aux)
        done[modality] = Streams(x.streams, x.pending(y))
    return done, kept
