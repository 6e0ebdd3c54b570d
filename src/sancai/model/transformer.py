"""The assembled model: DeepSeek-V4 whose layers also denoise pictures and film."""

from dataclasses import dataclass, replace
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sancai.device.transfer import module_to_device, to_device
from sancai.errors import ConfigError, RequestError
from sancai.model.cache import Cache, LayerCache, commit
from sancai.model.config import ModelConfig, VisualConfig
from sancai.model.context import ForwardContext
from sancai.model.decoder_layer import DecoderLayer
from sancai.model.hyper_connection import HyperHead
from sancai.model.initialise import initialise
from sancai.model.linear import Linear, RMSNorm, TokenEmbedding
from sancai.model.metadata import AttentionMetadata, attention_metadata
from sancai.model.module import Module
from sancai.model.moe import AuxiliaryLosses
from sancai.model.mtp import MTP
from sancai.model.noise import NoiseLevel
from sancai.model.site import Residual
from sancai.model.visual import Visual
from sancai.ops.precision import upcast
from sancai.sequence import NEVER, PackedSequence, TokenMeta


@dataclass(frozen=True)
class Output:
    """What a forward pass returns.

    hidden: (B, Tt, D) final normalised text states, which `Transformer.logits` turns into vocabulary scores, or None.
    mtp_hidden: (B, Tt, D) states that predict the token after the next, or None.
    prediction: (B, Tn, C) fp32, the clean latents predicted for the noisy columns, or None.
    cache: the cache after a pass with `use_cache`, or None.
    """

    hidden: Tensor | None
    mtp_hidden: Tensor | None
    prediction: Tensor | None
    cache: Cache | None


class Transformer(Module):
    """Text, pictures and film in one decoder.  Weights are fp32; `compute_dtype` is what layers compute in.

    seed: of the initial values; None leaves weights uninitialised, for those about to be loaded.
    """

    def __init__(self, config: ModelConfig, *, seed: int | None = 0) -> None:
        super().__init__()
        self.config, self.compute_dtype = config, torch.float32
        ratios = config.compress_ratios
        self.embed = TokenEmbedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(
            DecoderLayer(config, ratios[i], f"text.{i}", i < config.num_hash_layers)
            for i in range(config.num_hidden_layers)
        )
        self.hc_head = HyperHead(config)
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.head = Linear(config.hidden_size, config.vocab_size, optimizer="adamw")
        self.mtp = nn.ModuleList(MTP(config, i) for i in range(config.num_nextn_predict_layers))
        self.visual = Visual(config, config.visual) if config.visual else None
        if seed is not None:
            initialise(self, config, seed)

    @property
    def device(self) -> torch.device:
        return self.embed.weight.device

    def forward(
        self,
        packed: PackedSequence,
        cache: Cache | None = None,
        *,
        use_cache: bool = False,
        aux: AuxiliaryLosses | None = None,
        wants_mtp: bool = False,
        metadata: AttentionMetadata | None = None,
    ) -> Output:
        """Run one pass.

        Args:
            packed: the new tokens; noisy blocks read and are read by nothing.
            cache: what came before.
            use_cache: return a cache that also holds the committed tokens of this pass.
            aux: collects routing statistics and side losses (training).
            wants_mtp: also run the MTP layer (needs an empty cache).
            metadata: what `attention_metadata` returned for the same positions and cache; None computes it.
        """
        past = cache or Cache.empty(self.config, packed.batch)
        metadata = metadata or self.attention_metadata(packed, past)
        packed = packed.to(self.device)
        residual, noise = self._embed(packed)
        context = ForwardContext(metadata, packed.text_ids, noise, aux, use_cache)

        caches: list[LayerCache] = []
        for number, layer in enumerate(self.layers):
            visual = self.visual.layers[number] if self.visual is not None else None
            residual, layer_cache = layer(residual, context, visual, past.layer(number))
            if use_cache:
                caches.append(layer_cache)

        hidden = mtp_hidden = prediction = None
        if "text" in residual:
            hidden, streams = residual["text"].collapse(self.hc_head, self.norm)
            if wants_mtp and len(self.mtp):
                mtp_hidden = self._predict_ahead(packed, streams, context)
        if self.visual is not None and packed.has_noisy:
            noisy = residual["visual"].columns(slice(packed.num_committed, None))
            prediction = self.visual.head(noisy, packed.frame, packed.partial)
        new_cache = None
        if use_cache:
            new_cache = commit(past, packed, metadata.raw, metadata.entries, caches, self.config)
        return Output(hidden, mtp_hidden, prediction, new_cache)

    def attention_metadata(self, packed: PackedSequence, cache: Cache) -> AttentionMetadata:
        """Return the attention metadata of a pass, for several passes over the same positions."""
        return attention_metadata(packed, cache, self.config, self.device)

    def logits(self, hidden: Tensor) -> Tensor:
        """Return vocabulary scores (..., V) in fp32 of final hidden states (..., D)."""
        return F.linear(upcast(hidden), self.head.weight)

    def attach_visual(self, visual: VisualConfig, *, seed: int = 0) -> None:
        """Give a text model a fresh visual half; what it computes for text stays the same, bit by bit.

        Raises:
            ConfigError: it has one already.
        """
        if self.visual is not None:
            raise ConfigError("this model has a visual half already; export its text half first to begin anew")
        config = replace(self.config, visual=visual)
        half = Visual(config, visual)
        initialise(half, config, seed)
        module_to_device(half, self.device)
        self.config, self.visual = config, half.train(self.training)

    def export_text(self) -> dict[str, Tensor]:
        """Return the stock V4 half of the weights, by our names."""
        return {n: t for n, t in self.state_dict().items() if not n.startswith("visual.")}

    def _embed(self, packed: PackedSequence) -> tuple[dict[str, Residual], NoiseLevel | None]:
        """Return N equal streams (B, T, N, D) by modality, and the noise levels of visual tokens."""
        residual, noise = {}, None
        if packed.text_ids.shape[1]:
            text = self.embed(packed.text_ids).to(self.compute_dtype)
            residual["text"] = Residual(text[:, :, None].expand(-1, -1, self.config.hc_mult, -1))
        if packed.latents is not None:
            if self.visual is None:
                raise RequestError("this model has no visual half; load one with visual settings")
            residual["visual"] = Residual(self.visual.embed(packed.latents, packed.grid, self.compute_dtype))
            noise = self.visual.noise(packed.sigma, packed.frames, self.compute_dtype)
        return residual, noise

    def _predict_ahead(self, packed: PackedSequence, streams: Tensor, context: ForwardContext) -> Tensor:
        """Run the first MTP layer on the text tokens alone."""
        metadata = self.attention_metadata(packed.text_only(), Cache.empty(self.config, packed.batch))
        following = next_ids(packed.text_ids, packed.text)
        alone = replace(context, metadata=metadata, noise=None, use_cache=False)
        first = cast(MTP, self.mtp[0])
        return first.predict(streams, self.embed(following).to(streams.dtype), alone)


def next_ids(ids: Tensor, text: TokenMeta) -> Tensor:
    """Return each position's next text token (B, T); 0 where none follows directly."""
    follows = to_device(has_next(text, 1), ids.device)
    shifted = F.pad(ids[:, 1:], (0, 1))
    return shifted.masked_fill(~follows, 0)


def has_next(text: TokenMeta, steps: int) -> Tensor:
    """Return where the token `steps` columns on continues the same text run, boolean (B, T)."""

    def later(values: Tensor, fill: int) -> Tensor:
        return F.pad(values[:, steps:], (0, steps), value=fill)

    same = (later(text.document, -2) == text.document) & (later(text.segment, -2) == text.segment)
    return same & (later(text.index, NEVER) == text.index + steps) & text.is_real
