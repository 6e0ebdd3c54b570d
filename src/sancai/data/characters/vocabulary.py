"""What the training data holds: its words, to tell users which words are new, and its colours."""

import random
from collections.abc import Iterable

import numpy as np

from sancai.data.characters.corpus import texts
from sancai.data.characters.library import Library
from sancai.data.characters.split import draw_character
from sancai.tokenizer import find_words

NUM_TEXTS = 3000
NUM_CLIPS = 600
MOST_COLORS = 4096


def known_words(library: Library) -> list[str]:
    """Return the words of captions, questions and answers, sorted."""
    return sorted(words_of(texts(library, random.Random(0), NUM_TEXTS)))


def words_of(texts: Iterable[str]) -> set[str]:
    """Return lower-case words; `side-swept` counts whole and in parts."""
    found: set[str] = set()
    for text in texts:
        for word in find_words(text):
            found.update((word, *word.split("-")))
    return found


def known_colors(library: Library) -> list[str]:
    """Return the opaque colours of many random characters as hex (`c83232`), commonest first."""
    rng = random.Random(0)
    counts: dict[str, int] = {}
    for _ in range(NUM_CLIPS):
        who, direction = draw_character(library, rng)
        pixels = library.frame(who, direction, library.animations[who["action"]]["clip"][0])
        solid = pixels[pixels[..., 3] == 255][:, :3]
        for color, count in zip(*np.unique(solid, axis=0, return_counts=True), strict=True):
            counts[bytes(color).hex()] = counts.get(bytes(color).hex(), 0) + int(count)
    return sorted(counts, key=lambda c: (-counts[c], c))[:MOST_COLORS]
