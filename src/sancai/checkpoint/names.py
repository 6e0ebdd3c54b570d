"""Mapping between our parameter names and DeepSeek's official ones.

Official files have one tensor per expert and flat names for hyper-connections; we stack the experts of a layer, and
hyper-connections are modules.  The visual half keeps our names, under `visual.`.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from sancai.errors import CheckpointError

_HYPER = re.compile(r"hc_(attn|ffn|head)\.(fn|base|scale)$")
_OFFICIAL_HYPER = re.compile(r"hc_(attn|ffn|head)_(fn|base|scale)$")
_STACK = re.compile(r"^(.*ffn\.experts)\.(w[123])(_scale)?$")
_OFFICIAL_EXPERT = re.compile(r"^(.*ffn\.experts)\.(\d+)\.(w[123])\.weight$")


_TRANSFORMERS = [
    (re.compile(pattern), new)
    for pattern, new in (
        (r"^model\.", ""),
        (r"^embed_tokens\.", "embed."),
        (r"^lm_head\.", "head."),
        (r"^hc_head\.hc_", "hc_head_"),
        (r"\.self_attn\.", ".attn."),
        (r"\.mlp\.", ".ffn."),
        (r"\.input_layernorm\.", ".attn_norm."),
        (r"\.post_attention_layernorm\.", ".ffn_norm."),
        (r"\.(attn|ffn)_hc\.", r".hc_\1_"),
        (r"\.compressor\.indexer\.(?=kv_proj|gate_proj|position_bias|kv_norm)", ".indexer.compressor."),
        (r"\.compressor\.indexer\.q_b_proj\.", ".indexer.wq_b."),
        (r"\.compressor\.indexer\.scorer\.weights_proj\.", ".indexer.weights_proj."),
        (r"\.attn\.q_a_proj\.", ".attn.wq_a."),
        (r"\.attn\.q_b_proj\.", ".attn.wq_b."),
        (r"\.attn\.kv_proj\.", ".attn.wkv."),
        (r"\.attn\.o_a_proj\.", ".attn.wo_a."),
        (r"\.attn\.o_b_proj\.", ".attn.wo_b."),
        (r"\.attn\.q_a_norm\.", ".attn.q_norm."),
        (r"\.attn\.norm\.", ".attn.kv_norm."),
        (r"\.attn\.sinks$", ".attn.attn_sink"),
        (r"\.compressor\.kv_proj\.", ".compressor.wkv."),
        (r"\.compressor\.gate_proj\.", ".compressor.wgate."),
        (r"\.compressor\.position_bias$", ".compressor.ape"),
        (r"\.compressor\.kv_norm\.", ".compressor.norm."),
        (r"\.gate\.e_score_correction_bias$", ".gate.bias"),
        (r"\.shared_experts\.gate_proj\.", ".shared_experts.w1."),
        (r"\.shared_experts\.up_proj\.", ".shared_experts.w3."),
        (r"\.shared_experts\.down_proj\.", ".shared_experts.w2."),
        (r"\.weight_scale_inv$", ".scale"),
    )
]
"""Names that differ in transformers, in memory and in the files that `save_pretrained` writes."""


def official_name(name: str) -> str:
    """Return the official name of a tensor in a file written by DeepSeek or transformers.

    >>> official_name("model.layers.3.self_attn.q_a_proj.weight")
    'layers.3.attn.wq_a.weight'
    """
    for pattern, new in _TRANSFORMERS:
        name = pattern.sub(new, name)
    return name


def scale_name(name: str) -> str:
    """Return the name of the scales of a quantised weight: `X.scale` for `X.weight`."""
    return name.removesuffix("weight") + "scale"


def to_official(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights under official names, with experts unstacked.

    >>> sorted(to_official({"layers.0.hc_attn.fn": torch.zeros(1)}))
    ['layers.0.hc_attn_fn']
    """
    out: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        stack = _STACK.match(name)
        if name.startswith("visual.") or not stack:
            out[name if name.startswith("visual.") else _HYPER.sub(r"hc_\1_\2", name)] = tensor
            continue
        prefix, which, scale = stack.groups()
        leaf = "scale" if scale else "weight"
        out.update({f"{prefix}.{e}.{which}.{leaf}": part for e, part in enumerate(tensor.unbind())})
    return out


def from_official(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights under our names, with experts stacked."""
    out: dict[str, Tensor] = {}
    stacks: dict[str, dict[int, Tensor]] = {}
    for name, tensor in weights.items():
        expert = _OFFICIAL_EXPERT.match(name)
        if expert and not name.startswith("visual."):
            prefix, number, which = expert.groups()
            stacks.setdefault(f"{prefix}.{which}", {})[int(number)] = tensor
        else:
            out[_OFFICIAL_HYPER.sub(r"hc_\1.\2", name)] = tensor
    out.update({name: _stack(name, parts) for name, parts in stacks.items()})
    return out


def _stack(name: str, parts: Mapping[int, Tensor]) -> Tensor:
    """Stack the experts of a layer.

    Raises:
        CheckpointError: an expert is missing or has another shape than most.
    """
    shapes = {number: tuple(part.shape) for number, part in parts.items()}
    usual = max(set(shapes.values()), key=list(shapes.values()).count)
    odd = [f"{name} expert {n} has shape {list(s)}, expected {list(usual)}" for n, s in shapes.items() if s != usual]
    missing = [f"missing {name} expert {n}" for n in range(len(parts)) if n not in parts]
    if odd or missing:
        raise CheckpointError("; ".join(odd + missing) + "; fetch the weights again")
    return torch.stack([parts[number] for number in sorted(parts)])
