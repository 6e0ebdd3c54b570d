"""One decoder layer for both modalities: an attention site, then an expert site, each with its own mHC."""

from dataclasses import dataclass
from typing import Any

from sancai.model.attention import Attention
from sancai.model.cache import LayerCache
from sancai.model.config import ModelConfig
from sancai.model.context import ForwardContext
from sancai.model.hyper_connection import HyperConnection
from sancai.model.joint_attention import joint_attention
from sancai.model.linear import RMSNorm
from sancai.model.module import Module
from sancai.model.moe import MoE
from sancai.model.noise import LayerNoise, NoiseLevel
from sancai.model.site import Residual, Site


@dataclass(frozen=True)
class Sublayers:
    """What the tokens of one modality pass in one layer."""

    attention_site: Site
    attn: Attention
    expert_site: Site
    ffn: MoE


class DecoderLayer(Module):
    """A layer of DeepSeek-V4.  Its own modules serve text; visual tokens bring theirs (`VisualLayer`)."""

    def __init__(self, config: ModelConfig, ratio: int, name: str, is_hash: bool) -> None:
        super().__init__()
        self.attn = Attention(config, ratio)
        self.ffn = MoE(config, name, is_visual=False, is_hash=is_hash)
        self.attn_norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.ffn_norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.hc_attn, self.hc_ffn = HyperConnection(config), HyperConnection(config)

    def forward(
        self,
        residual: dict[str, Residual],
        context: ForwardContext,
        visual: "VisualLayer | None" = None,
        cached: LayerCache | None = None,
    ) -> tuple[dict[str, Residual], LayerCache]:
        """Run the layer.

        Args:
            residual: residual streams by modality.
            visual: the visual half of this layer, needed if there are visual tokens.
            cached: what earlier passes left of this layer.

        Returns:
            The new streams, and what queries of this layer read: `cached` and the new committed tokens.
        """
        sublayers = {m: self._sublayers(m, visual, context.noise) for m in residual}

        # attention: each modality enters with its own weights, then all keys meet
        entered = {m: s.attention_site.enter(residual[m]) for m, s in sublayers.items()}
        weights = {m: s.attn for m, s in sublayers.items()}
        hidden = {m: e.hidden for m, e in entered.items()}
        outputs, memory = joint_attention(weights, hidden, context, cached)
        residual = {m: s.attention_site.leave(entered[m], outputs[m]) for m, s in sublayers.items()}

        # experts: each modality by itself
        for modality, sub in sublayers.items():
            entry = sub.expert_site.enter(residual[modality])
            ids = context.ids if modality == "text" else None
            output = sub.ffn(entry.hidden, entry.normed, ids, context.metadata.real[modality], context.aux)
            residual[modality] = sub.expert_site.leave(entry, output)
        return residual, memory

    def _sublayers(self, modality: str, visual: "VisualLayer | None", noise: NoiseLevel | None) -> Sublayers:
        if modality == "text":
            return Sublayers(Site(self.hc_attn, self.attn_norm), self.attn, Site(self.hc_ffn, self.ffn_norm), self.ffn)
        assert visual is not None and noise is not None
        return visual.sublayers(self, noise)


class VisualLayer(Module):
    """The visual half of a layer: the modules that `sharing` does not share with text, and the noise conditioning."""

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

    def sublayers(self, text: DecoderLayer, level: NoiseLevel) -> Sublayers:
        """Return what visual tokens pass: their own modules, or those of text where they have none."""

        def module(name: str) -> Any:
            return getattr(self if name in self._modules else text, name)

        return Sublayers(
            Site(module("hc_attn"), module("attn_norm"), self.noise.attention_site(level)),
            module("attn"),
            Site(module("hc_ffn"), module("ffn_norm"), self.noise.expert_site(level)),
            module("ffn"),
        )
