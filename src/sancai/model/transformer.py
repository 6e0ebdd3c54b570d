"""The assembled model: DeepSeek-V4 whose layers also denoise pictures and film."""

from dataclasses import dataclass, replace
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sancai.device.transfer import module_to_device, to_device
from sancai.errors import ConfigError, RequestError
from sancai.model.block import Block, Pass, VisualBlock, run_block
from sancai.model.cache import Cache, LayerCache, commit
from sancai.model.config import ModelConfig, VisualConfig
from sancai.model.hyper_connection import HyperHead
from sancai.model.initialise import initialise
from sancai.model.layout import Layout, plan
from sancai.model.linear import Linear, RMSNorm
from sancai.model.moe import Auxiliary
from sancai.model.mtp import MTP
from sancai.model.visual import Visual
from sancai.ops.precision import upcast
from sancai.sequence import NEVER, PackedSequence, TokenMeta


@dataclass(frozen=True)
class Output:
    """What a forward pass gives.

    hidden: (B, Tt, D) final normalised text states; `Transformer.logits` turns them into scores.
    mtp_hidden: (B, Tt, D) states that predict the token after the next, or None.
    prediction: (B, Tn, C) fp32, the clean latents predicted for the noisy columns, or None.
    cache: the new cache of a committing pass, or None.
    """

    hidden: Tensor | None
    mtp_hidden: Tensor | None
    prediction: Tensor | None
    cache: Cache | None


class Transformer(nn.Module):
    """Text, pictures and film in one decoder.  Weights are fp32; `compute_dtype` is what layers compute in.

    seed: of the starting values; None leaves them open, for weights that are about to be loaded.
    """

    def __init__(self, config: ModelConfig, *, seed: int | None = 0) -> None:
        super().__init__()
        self.config, self.compute_dtype = config, torch.float32
        ratios = config.compress_ratios
        table = torch.empty(config.vocab_size, config.hidden_size, dtype=torch.float32)
        self.embed = nn.Embedding(config.vocab_size, config.hidden_size, _weight=table)
        self.layers = nn.ModuleList(
            Block(config, ratios[i], f"text.{i}", i < config.num_hash_layers) for i in range(config.num_hidden_layers)
        )
        self.hc_head = HyperHead(config)
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.head = Linear(config.hidden_size, config.vocab_size)
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
        keep: bool = False,
        aux: Auxiliary | None = None,
        wants_mtp: bool = False,
        layout: Layout | None = None,
    ) -> Output:
        """Run one pass.

        Args:
            packed: the new tokens; noisy blocks read and are read by nothing.
            cache: what came before.
            keep: return a cache that holds the committed tokens of this pass.
            aux: collects routing statistics and side losses (training).
            wants_mtp: also run the MTP block (needs an empty cache).
            layout: what `plan` gave for the same places and cache; None makes it anew.
        """
        past = cache or Cache.empty(self.config, packed.batch)
        layout = layout or self.plan(packed, past)
        streams, step = self._enter(packed.to(self.device), layout, aux)
        kept: list[LayerCache] = []
        for number, block in enumerate(self.layers):
            visual = self.visual.layers[number] if self.visual is not None and "visual" in streams else None
            halves = cast(Block, block), cast(VisualBlock | None, visual)
            ratio = self.config.compress_ratios[number]
            streams, layer = run_block(*halves, streams, ratio, past.layer(number), step)
            kept.append(layer if keep else LayerCache(layer.raw[:, :0]))
        return self._leave(packed, past, layout, streams, step, kept if keep else None, wants_mtp)

    def plan(self, packed: PackedSequence, cache: Cache) -> Layout:
        """Return the layout of a pass, for several passes over the same places."""
        return plan(packed, cache, self.config, self.device)

    def logits(self, hidden: Tensor) -> Tensor:
        """Return vocabulary scores (..., V) in fp32 of hidden (..., D)."""
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

    def _enter(self, packed: PackedSequence, layout: Layout, aux: Auxiliary | None) -> tuple[dict[str, Tensor], Pass]:
        """Embed both modalities into N equal streams."""
        streams, noise = {}, None
        if packed.text_ids.shape[1]:
            text = self.embed(packed.text_ids).to(self.compute_dtype)
            streams["text"] = text[:, :, None].expand(-1, -1, self.config.hc_mult, -1)
        if packed.latents is not None and packed.visual is not None:
            if self.visual is None:
                raise RequestError("this model has no visual half; load one with visual settings")
            streams["visual"] = self.visual.embed(packed.latents, packed.grid, self.compute_dtype)
            frame_tokens = packed.frame[0] * packed.frame[1]
            noise = self.visual.noise(packed.sigma, frame_tokens, self.compute_dtype)
        return streams, Pass(layout, packed.num_committed, packed.text_ids, layout.real, noise, aux)

    def _leave(
        self,
        packed: PackedSequence,
        past: Cache,
        layout: Layout,
        streams: dict[str, Tensor],
        step: Pass,
        kept: list[LayerCache] | None,
        wants_mtp: bool,
    ) -> Output:
        """Collapse the streams into what was asked for."""
        hidden = mtp = prediction = None
        if "text" in streams:
            hidden = self.norm(self.hc_head(streams["text"]))
            mtp = self._predict_ahead(packed, streams["text"], step) if wants_mtp and len(self.mtp) else None
        if "visual" in streams and self.visual is not None and packed.num_committed < streams["visual"].shape[1]:
            prediction = self.visual.head(streams["visual"][:, packed.num_committed :], packed.frame)
        cache = None
        if kept is not None:
            cache = commit(past, packed, layout.context, layout.entries, kept, self.config)
        return Output(hidden, mtp, prediction, cache)

    def _predict_ahead(self, packed: PackedSequence, streams: Tensor, step: Pass) -> Tensor:
        """Run the first MTP block on the text tokens alone."""
        alone = replace(packed, latents=None, visual=None, sigma=None, grid=None, num_committed=0)
        layout = plan(alone, Cache.empty(self.config, packed.batch), self.config, self.device)
        text_step = replace(step, layout=layout, num_committed=0, noise=None)
        following = next_ids(to_device(packed.text_ids, self.device), packed.text)
        return self.mtp[0](streams, self.embed(following).to(streams.dtype), text_step)


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
