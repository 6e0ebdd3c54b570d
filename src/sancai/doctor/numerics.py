"""The shipped model on the device compared with the CPU: layer by layer, and its pictures."""

import copy
import json
import pathlib
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from sancai import api
from sancai.device.platform import Platform
from sancai.device.transfer import to_host
from sancai.doctor.finding import Finding, finite
from sancai.model import Transformer
from sancai.model.linear import RMSNorm
from sancai.model.moe import MoE
from sancai.sequence import Block, Document, PackedSequence, Text, pack

LAYER_TOLERANCE = {"float32": 1e-3, "float16": 5e-2, "bfloat16": 2e-1}
"""Largest relative error (norm of the difference / norm) of any output; rounding can change the selected experts."""
PROMPTS = ("a knight in steel armour facing left", "a skeleton", "a female elf with red hair", "an orc facing away")
PICTURES = 100
STORED, STORED_TOLERANCE = "numerics.json", 1e-3
MIN_PSNR = 25.0


def layers(platform: Platform) -> Iterator[Finding]:
    """Compare the outputs of every layer: the CPU with stored values, the device with the CPU."""
    shipped = api.load(device="cpu")
    model = shipped.engine.model
    packed = _document(model)
    wanted = _layer_outputs(model, packed)
    yield _against_stored(norms(wanted), shipped.folder / STORED)
    for name in dict.fromkeys(("float32", str(platform.dtype).removeprefix("torch."))):
        if platform.device.type == "cpu" and name == "float32":
            continue
        other = copy.deepcopy(model).to(platform.device)
        other.compute_dtype = getattr(torch, name)
        errors = {k: finite(_relative(v, wanted[k])) for k, v in _layer_outputs(other, packed).items()}
        worst = max(errors, key=lambda k: errors[k])
        message = f"{len(errors)} outputs in {name}: at most {errors[worst]:.2g} from the CPU's fp32 ({worst})"
        facts = {"dtype": name, "relative": {k: float(f"{v:.4g}") for k, v in errors.items()}}
        if errors[worst] <= LAYER_TOLERANCE[name]:
            yield Finding("layers", "good", message, facts=facts)
        else:
            yield Finding("layers", "bad", f"{message}, allowed {LAYER_TOLERANCE[name]:.2g}", "see operators", facts)


def _against_stored(found: dict[str, float], path: pathlib.Path) -> Finding:
    """Compare the CPU's fp32 outputs with the values stored with the model."""
    facts = {"dtype": "float32", "norms": found}
    try:
        stored: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return Finding("layers", "limited", f"no stored values to compare with ({error})", facts=facts)
    if set(stored) != set(found):
        return Finding("layers", "bad", f"the values in {path.name} belong to another model", facts=facts)
    off = {k: finite(abs(found[k] / max(v, 1e-12) - 1)) for k, v in stored.items()}
    worst = max(off, key=lambda k: off[k])
    message = f"{len(off)} outputs on the CPU in float32: at most {off[worst]:.2g} from the stored values ({worst})"
    return Finding("layers", "good" if off[worst] <= STORED_TOLERANCE else "bad", message, facts=facts)


def shipped_norms() -> dict[str, float]:
    """Return the values of the shipped model on this CPU, as they are stored with it."""
    model = api.load(device="cpu").engine.model
    return norms(_layer_outputs(model, _document(model)))


def norms(traced: dict[str, Tensor]) -> dict[str, float]:
    """Return the root mean square of every traced tensor."""
    return {k: float(f"{float(v.square().mean().sqrt()):.6g}") for k, v in traced.items()}


def _document(model: Transformer) -> PackedSequence:
    """Return a fixed document: text, a clean picture, text and a noisy frame."""
    visual = model.config.visual
    assert visual is not None
    rng = np.random.default_rng(5)
    shape = (1, 8, 8, visual.latent_channels)
    clean, noisy = (rng.normal(size=shape).astype(np.float32) for _ in range(2))
    ids = rng.integers(10, min(model.config.vocab_size, 1000), 60).tolist()
    segments: Document = [
        Text(ids=ids[:40]), Block(latents=clean, times=[0], committed=True), Text(ids=ids[40:]),
        Block(latents=noisy, times=[0], sigma=0.6),
    ]  # fmt: skip
    return pack([[segments]])


@torch.no_grad()
def _layer_outputs(model: Transformer, packed: PackedSequence) -> dict[str, Tensor]:
    """Return the outputs of every norm and expert layer by name, and the final ones."""
    seen: dict[str, Tensor] = {}

    def keep(name: str) -> None:
        def hook(module: object, inputs: object, output: object) -> None:
            for part, tensor in _tensors(output):
                seen[f"{name}{part}"] = to_host(tensor).float()

        handles.append(model.get_submodule(name).register_forward_hook(hook))

    handles: list[torch.utils.hooks.RemovableHandle] = []
    for name, module in model.named_modules():
        if isinstance(module, MoE | RMSNorm):
            keep(name)
    try:
        output = model(packed)
    finally:
        for handle in handles:
            handle.remove()
    if output.hidden is not None:
        seen["logits"] = to_host(model.logits(output.hidden)).float()
    if output.prediction is not None:
        seen["prediction"] = to_host(output.prediction).float()
    return seen


def _tensors(output: object) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors in a module's output with their keys."""
    if isinstance(output, Tensor):
        yield "", output
    elif isinstance(output, dict):
        yield from ((f".{k}", v) for k, v in output.items() if isinstance(v, Tensor))
    elif isinstance(output, tuple | list):
        yield from ((f".{k}", v) for k, v in enumerate(output) if isinstance(v, Tensor))


def _relative(got: Tensor, wanted: Tensor) -> float:
    return float((got - wanted).norm() / wanted.norm().clamp(min=1e-12))


def pictures(platform: Platform) -> Iterator[Finding]:
    """Draw the same pictures on the device and on the CPU, and compare the pixels."""
    errors = []
    mine, wanted = (api.load(device=name) for name in (platform.chip.key, "cpu"))
    for seed in range(PICTURES):
        one, two = (m.image(PROMPTS[seed % len(PROMPTS)], seed=seed).frames for m in (mine, wanted))
        errors.append(float(np.square(one.astype(np.float64) - two).mean()))
    worst, mean = (10 * np.log10(255**2 / max(e, 1e-3)) for e in (max(errors), sum(errors) / len(errors)))
    same = sum(e == 0 for e in errors)
    message = (
        f"{PICTURES} drawn here and on the CPU: {same} equal in every pixel, PSNR {mean:.1f} dB, worst {worst:.1f} dB"
    )
    facts = {"equal": same, "psnr": round(float(mean), 2), "worst_psnr": round(float(worst), 2)}
    yield Finding("pictures", "good" if mean >= MIN_PSNR else "bad", message, facts=facts)
