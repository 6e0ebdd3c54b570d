"""Visual tokens: the order of patches and pixels, the embedding of places, the head's convolution."""

import numpy as np
import pytest
import torch

from builders import CHANNELS, largest, latents, small_config
from sancai.model.site import Residual
from sancai.model.visual import LatentHead, PatchEmbedding, pixels_to_tokens, tokens_to_pixels
from sancai.sequence import Block, empty_block, frames_to_tokens, pack, tokens_to_frames

CONFIG = small_config()


def test_tokens_become_the_frames_that_were_packed(rng: np.random.Generator) -> None:
    content = latents(rng, 2, (3, 5))
    packed = pack([[[Block(latents=content, times=range(2), sigma=0.5)]]])
    frames = tokens_to_frames(packed.latents, packed.frame)
    assert np.array_equal(frames.numpy(), content)
    assert torch.equal(frames_to_tokens(frames, 1), packed.latents)


def test_an_empty_block_has_the_places_of_a_noisy_one(rng: np.random.Generator) -> None:
    before = pack([[[Block(latents=latents(rng), times=[0], committed=True)]]] * 2).cursors
    block = Block(latents=latents(rng, 2), times=(0, 3), sigma=1.0)
    usual, empty = pack([[[block]]] * 2, before), empty_block(block.latents.shape, block.times, before)
    assert not bool(empty.latents.any()) and empty.latents.shape == usual.latents.shape
    assert torch.equal(empty.sigma, usual.sigma) and torch.equal(empty.grid, usual.grid)
    assert all(torch.equal(getattr(empty.visual, n), getattr(usual.visual, n)) for n in vars(usual.visual))


def test_a_pixel_keeps_its_place_in_patch_and_frame() -> None:
    side, rows, columns, channels = 2, 3, 2, 5
    frames = torch.arange(2 * rows * columns * side * side * channels).view(2, rows, columns, -1)
    pictures = tokens_to_pixels(frames_to_tokens(frames, 1), (rows, columns), side)
    assert pictures.shape == (2, channels, rows * side, columns * side)
    for y in range(rows * side):
        for x in range(columns * side):
            patch = frames[1, y // side, x // side].view(side, side, channels)
            assert pictures[1, :, y, x].tolist() == patch[y % side, x % side].tolist()


def test_pixels_go_back_to_their_tokens() -> None:
    tokens = torch.randn(3, 2 * 6, 8)
    assert torch.equal(pixels_to_tokens(tokens_to_pixels(tokens, (2, 3), 2), 3, 2), tokens)


def test_a_patch_is_embedded_by_content_and_place() -> None:
    embed = PatchEmbedding(CONFIG, CONFIG.visual)
    for parameter in embed.parameters():
        torch.nn.init.normal_(parameter)
    content, grid = torch.randn(1, 2, CHANNELS), torch.tensor([[[0.2, 0.3, 0.0], [0.2, 0.3, 1.0]]])
    streams = embed(content, grid, torch.float32)
    assert streams.shape == (1, 2, CONFIG.hc_mult, CONFIG.hidden_size)
    same = embed(content[:, :1].expand(1, 2, -1), grid, torch.float32)
    assert torch.equal(same[:, 0], streams[:, 0]) and largest(same[:, 0] - same[:, 1]) > 1e-3
    ratio = streams[0, 0] / streams[0, 0, :1]
    assert largest(ratio - (embed.stream_scale / embed.stream_scale[0])) <= 1e-4


@pytest.fixture
def head() -> LatentHead:
    made = LatentHead(CONFIG, CONFIG.visual)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return made


@torch.no_grad()
def test_the_heads_convolution_crosses_patches_but_not_frames(head: LatentHead) -> None:
    streams = torch.randn(1, 2 * 9, CONFIG.hc_mult, CONFIG.hidden_size)
    usual = head(Residual(streams), (3, 3))
    assert usual.shape == (1, 18, CHANNELS) and usual.dtype == torch.float32
    changed = streams.clone()
    changed[:, 0] += 1.0
    moved = (head(Residual(changed), (3, 3)) - usual).abs().amax(-1)[0] > 0
    assert bool(moved[0]) and bool(moved[1:4].any()), "the neighbours' pixels"
    assert not bool(moved[9:].any()), "the next frame"


@torch.no_grad()
def test_without_its_convolution_the_head_is_a_projection(head: LatentHead) -> None:
    head.reset_parameters(0.02, 0)
    streams = torch.randn(1, 9, CONFIG.hc_mult, CONFIG.hidden_size)
    hidden, _ = Residual(streams).collapse(head.hc_head, head.norm)
    assert largest(head(Residual(streams), (3, 3)) - head.proj(hidden)) <= 1e-6
