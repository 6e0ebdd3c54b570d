"""Texts of every kind that the character tasks hold: what a vocabulary is learnt from."""

import random

from sancai.data.arithmetic import problem
from sancai.data.characters.captions import caption, random_mention
from sancai.data.characters.library import Library
from sancai.data.characters.questions import Asker, Editor
from sancai.data.characters.split import draw_character
from sancai.data.small_talk import EXCHANGES

DESCRIBE = ("describe the character.", "what do you see?", "describe this picture.")


def sample_texts(library: Library, rng: random.Random, count: int) -> list[str]:
    """Return texts of every kind that the model reads, to learn a vocabulary from."""
    texts = [t for asked, answer in EXCHANGES for t in (*asked, answer)] * 20
    for _ in range(count):
        who, direction = draw_character(library, rng)
        visible = library.visible(who, direction, [library.animations[who["action"]]["clip"][0]])
        mention = random_mention(library, rng)
        video = rng.random() < 0.4
        texts.append(caption(library, who, direction, visible=visible, video=video, mention=mention, rng=rng))
        texts += Asker(library, who, direction, visible, rng).ask()[1:]
        texts.append(Editor(library, who, direction, rng).edit()[0])
        item = problem(rng)
        texts += [item.question, item.steps, item.answer]
    return texts + list(DESCRIBE)
