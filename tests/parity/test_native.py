"""The native kernels against PyTorch: each by itself, and all gradients of whole training passes."""

import functools
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import Tensor

from builders import clean, noisy, random_model, small_config, text, visual_config
from sancai.model import AuxiliaryLosses, Transformer
from sancai.ops.backends.native import BACKENDS, unavailable_reason
from sancai.ops.dispatch import Backend, Operator, run_kernel
from sancai.ops.selection import OPERATORS
from sancai.ops.verification import SampleInput, SampleTensors, verify
from sancai.sequence import PackedSequence, PartialFrames, pack

CPU = torch.device("cpu")
pytestmark = pytest.mark.skipif(unavailable_reason(CPU) is not None, reason="sancai-native is not installed")

KERNELS = [(operator, backend) for backend in BACKENDS for operator in OPERATORS if operator.name == backend.operator]
Gradients = dict[str, Tensor]


@contextmanager
def enabled(dtype: torch.dtype) -> Iterator[None]:
    """Let the native kernels answer for a while."""
    for operator, backend in KERNELS:
        operator.enable(backend.name, backend.load(), ("cpu", dtype))
    try:
        yield
    finally:
        for operator, _ in KERNELS:
            operator.active.clear()


# --- each kernel -----------------------------------------------------------------------------------


def problem(operator: Operator, backend: Backend, samples: list[SampleInput]) -> str | None:
    """Return what is wrong with a kernel on the samples that it takes."""
    kernel = backend.load()
    scratch = Operator(operator.name, operator.reference, operator.samples)
    function = functools.partial(run_kernel, scratch, backend.name, kernel)
    taken = [s for s in samples if kernel.supports(*s.arguments)]
    return verify(function, operator.reference, taken) or scratch.disabled.get(backend.name)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("operator", "backend"), KERNELS, ids=lambda x: x.name if isinstance(x, Operator) else "")
def test_a_kernel_computes_what_its_reference_computes(
    operator: Operator, backend: Backend, dtype: torch.dtype
) -> None:
    assert problem(operator, backend, operator.samples(SampleTensors(CPU, dtype))) is None


@pytest.mark.parametrize(("operator", "backend"), KERNELS, ids=lambda x: x.name if isinstance(x, Operator) else "")
def test_a_kernel_is_right_and_taken_at_the_size_of_a_layer(operator: Operator, backend: Backend) -> None:
    samples = operator.samples(SampleTensors(CPU, torch.bfloat16, benchmark=True))[:1]
    assert backend.load().supports(*samples[0].arguments)
    assert problem(operator, backend, samples) is None


@pytest.mark.parametrize("instructions", ["portable", "avx2", "avx512"])
def test_older_instruction_sets_compute_the_same(instructions: str) -> None:
    script = """
import pathlib, sys, pytest, sancai_native
found = sancai_native.instruction_set()
if found != sys.argv[1]:
    sys.exit(99)
sys.exit(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "-k", "a_kernel_computes", sys.argv[2]]))
"""
    environment = os.environ | {"SANCAI_NATIVE_ISA": instructions}
    command = [sys.executable, "-c", script, instructions, __file__]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 99:
        pytest.skip(f"this machine has no {instructions}")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


# --- whole passes ----------------------------------------------------------------------------------


def picture(rng: np.random.Generator) -> PackedSequence:
    """Two prompts with two pictures each."""
    return pack([[[text(rng, n), noisy(rng, 1, 0.3), noisy(rng, 1, 0.9)]] for n in (13, 40)], text_multiple=16)


def film(rng: np.random.Generator) -> PackedSequence:
    """Clips of different lengths."""
    return pack([[[text(rng, 9), noisy(rng, frames, 0.7)]] for frames in (3, 5)])


def committed(rng: np.random.Generator) -> PackedSequence:
    """A picture that was given, words, and a clip that follows."""
    return pack([[[text(rng, 4), clean(rng), text(rng, 30), noisy(rng, 2, 0.5)]] for _ in range(2)])


def partial(rng: np.random.Generator) -> PackedSequence:
    """The same with some tokens of the noisy frames alone."""
    whole = committed(rng)
    columns = torch.tensor([[0, 3, 4, 8, 9, 10, 13, 17], [1, 2, 4, 7, 11, 13, 14, 15]])
    return whole.keep(PartialFrames(columns, whole.latents[:, whole.num_committed :], 4))


def words(rng: np.random.Generator) -> PackedSequence:
    """Text alone."""
    return pack([[[text(rng, 60)]], [[text(rng, 35)]]])


PASSES = {make.__name__: make for make in (picture, film, committed, partial, words)}


def model_of(streams: int, dtype: torch.dtype) -> Transformer:
    """Return a model with every path open, whose widths fill no vector."""
    config = small_config(
        hidden_size=40, moe_intermediate_size=20, hc_mult=streams, head_dim=20, o_lora_rank=10, q_lora_rank=18,
        visual=visual_config(n_routed_experts=5),
    )  # fmt: skip
    model = random_model(config, seed=streams, amount=0.05).train()
    model.compute_dtype = dtype
    return model


def gradients(model: Transformer, packed: PackedSequence) -> Gradients:
    """Return the gradients of a loss that every output enters."""
    model.zero_grad(set_to_none=True)
    aux = AuxiliaryLosses(wants_indexer=True)
    out = model(packed, aux=aux, wants_mtp=True)
    generator = torch.Generator().manual_seed(5)
    total = torch.stack(aux.balance).sum() + (torch.stack(aux.indexer).sum() if aux.indexer else 0.0)
    for output in (out.hidden, out.mtp_hidden, out.prediction):
        if output is not None:
            total = total + (output.float() * torch.randn(output.shape, generator=generator)).sum()
    total.backward()
    return {n: p.grad for n, p in model.named_parameters() if p.grad is not None}


def distance(found: Gradients, expected: Gradients) -> float:
    """Return the relative error of all gradients together."""
    assert found.keys() == expected.keys()
    error = sum(float((found[n].double() - g.double()).square().sum()) for n, g in expected.items())
    return (error / sum(float(g.double().square().sum()) for g in expected.values())) ** 0.5


@pytest.mark.parametrize("streams", [2, 4])
@pytest.mark.parametrize("kind", PASSES)
def test_all_gradients_of_a_pass_are_those_of_the_plain_path(kind: str, streams: int) -> None:
    model, packed = model_of(streams, torch.float32), PASSES[kind](np.random.default_rng(1))
    expected = gradients(model, packed)
    with enabled(torch.float32):
        found = gradients(model, packed)
        assert not any(operator.disabled for operator, _ in KERNELS)
    assert distance(found, expected) <= 1e-5


@pytest.mark.parametrize("kind", PASSES)
def test_in_bf16_they_are_as_near_to_exact_as_the_plain_path_is(kind: str) -> None:
    model, packed = model_of(2, torch.float32), PASSES[kind](np.random.default_rng(2))
    exact = gradients(model, packed)
    model.compute_dtype = torch.bfloat16
    plain = gradients(model, packed)
    with enabled(torch.bfloat16):
        found = gradients(model, packed)
        assert not any(operator.disabled for operator, _ in KERNELS)
    assert distance(found, exact) <= 1.5 * distance(plain, exact)
