"""The architecture in DeepSeek's own words, and the visual half beside it."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from sancai.errors import ConfigError
from sancai.ops.rope import YarnScaling
from sancai.sequence import VisibilityConfig

Sharing = Literal["mot", "experts", "full", "frozen_text"]


@dataclass(frozen=True, kw_only=True)
class VisualConfig:
    """How pictures and film live in the decoder."""

    sharing: Sharing = "mot"
    """mot: own attention, experts, norms and hyper-connections; experts: own experts only; full: own
    input, output and noise modulation only; frozen_text: mot with the text half frozen."""
    latent_channels: int = 256
    pixel_shuffle: int = 8
    """Side of the pixel patch that one token's channels hold (1 = none)."""
    n_routed_experts: int = 8
    num_experts_per_tok: int = 2
    local_blocks: int = 1
    """Whole earlier blocks that a block reads raw besides the window."""
    anchor_blocks: int = 0
    block_frames: int = 8
    """Frames generated together: 1 streams, a whole short clip flickers less."""
    max_times: int = 16
    """Longest clip in frames, scales the time feature of the patch embedding."""

    def __post_init__(self) -> None:
        if self.sharing not in get_args(Sharing):
            raise ConfigError(f"sharing is {self.sharing!r}; expected one of {', '.join(get_args(Sharing))}")
        side = self.pixel_shuffle
        if self.latent_channels % (side * side):
            raise ConfigError(
                f"latent_channels {self.latent_channels} is not a multiple of pixel_shuffle² = {side * side}"
            )
        if self.num_experts_per_tok > self.n_routed_experts:
            raise ConfigError(
                f"visual num_experts_per_tok {self.num_experts_per_tok} "
                f"exceeds n_routed_experts {self.n_routed_experts}"
            )


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """DeepSeek-V4 (arXiv 2606.19348); `visual=None` is the stock text model."""

    vocab_size: int = 512
    hidden_size: int = 64
    num_hidden_layers: int = 4
    compress_ratios: tuple[int, ...] = (0, 4, 8, 4, 0)
    """One a layer, then one an MTP block: 0 window only, 4 CSA, more HCA."""
    num_attention_heads: int = 4
    head_dim: int = 32
    qk_rope_head_dim: int = 8
    q_lora_rank: int = 32
    o_groups: int = 2
    o_lora_rank: int = 32
    sliding_window: int = 16
    index_n_heads: int = 16
    index_head_dim: int = 16
    index_topk: int = 8
    n_routed_experts: int = 8
    n_shared_experts: int = 1
    num_experts_per_tok: int = 2
    moe_intermediate_size: int = 32
    num_hash_layers: int = 1
    routed_scaling_factor: float = 1.5
    swiglu_limit: float = 10.0
    hc_mult: int = 4
    hc_sinkhorn_iters: int = 20
    hc_eps: float = 1e-6
    rms_norm_eps: float = 1e-6
    num_nextn_predict_layers: int = 1
    rope_theta: float = 10000.0
    compress_rope_theta: float = 160000.0
    rope_scaling: YarnScaling | None = field(default_factory=YarnScaling)
    """Of layers that compress; None leaves their frequencies alone."""
    max_position_embeddings: int = 1048576
    initializer_range: float = 0.02
    visual: VisualConfig | None = None

    def __post_init__(self) -> None:
        for problem in _problems(self):
            raise ConfigError(problem)

    @property
    def visibility(self) -> VisibilityConfig:
        """Which raw keys a query may read."""
        visual = self.visual
        return VisibilityConfig(
            sliding_window=self.sliding_window,
            local_blocks=visual.local_blocks if visual else 0,
            anchor_blocks=visual.anchor_blocks if visual else 0,
        )

    @property
    def ratios(self) -> tuple[int, ...]:
        """The distinct compression ratios in use."""
        return tuple(sorted({r for r in self.compress_ratios if r}))

    def rope(self, ratio: int) -> tuple[float, YarnScaling | None]:
        """Return theta and scaling of a layer with this compression ratio."""
        return (self.compress_rope_theta, self.rope_scaling) if ratio else (self.rope_theta, None)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready settings."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> "ModelConfig":
        """Build from `to_dict`'s output; unknown keys are an error."""
        known = {f.name for f in dataclasses.fields(ModelConfig)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ConfigError(f"unknown model settings {unknown}; expected some of {sorted(known)}")
        values = dict(values, compress_ratios=tuple(values["compress_ratios"]))
        if values.get("rope_scaling"):
            values["rope_scaling"] = YarnScaling(**values["rope_scaling"])
        if values.get("visual"):
            values["visual"] = VisualConfig(**values["visual"])
        return ModelConfig(**values)


def _problems(config: ModelConfig) -> list[str]:
    """Return what cannot work about a configuration."""
    c, out = config, []
    expected = c.num_hidden_layers + c.num_nextn_predict_layers
    if len(c.compress_ratios) != expected:
        out.append(
            f"compress_ratios has {len(c.compress_ratios)} entries, expected {expected}: one a layer and MTP block"
        )
    if any(r < 0 or 0 < r < 4 for r in c.compress_ratios):
        out.append(f"compress_ratios {c.compress_ratios} may hold 0, 4 (CSA) and larger numbers (HCA)")
    longest = max(c.compress_ratios, default=0)
    if c.sliding_window < longest - 1:
        out.append(
            f"sliding_window {c.sliding_window} is below the largest compression ratio minus one ({longest - 1}): "
            "tokens of an open window would be invisible; raise sliding_window"
        )
    if c.num_attention_heads % c.o_groups:
        out.append(f"num_attention_heads {c.num_attention_heads} is not divisible by o_groups {c.o_groups}")
    if c.qk_rope_head_dim > min(c.head_dim, c.index_head_dim) or c.qk_rope_head_dim % 2:
        out.append(
            f"qk_rope_head_dim {c.qk_rope_head_dim} must be even and at most head_dim {c.head_dim} "
            f"and index_head_dim {c.index_head_dim}"
        )
    if c.num_experts_per_tok > c.n_routed_experts:
        out.append(f"num_experts_per_tok {c.num_experts_per_tok} exceeds n_routed_experts {c.n_routed_experts}")
    return out
