"""Descriptions of pictures: what people ask, the look that is seen, and one fluent sentence.

turn = description(looks, who, direction, frame, rng)     # the question and the answer with its thinking
"""

import random

from sancai.data.characters.captions import caption
from sancai.data.characters.library import Character
from sancai.data.characters.look import Looks
from sancai.data.spelling import as_typed
from sancai.data.turn import Turn, assistant, user

ASKED = (
    "describe the character.", "what do you see?", "describe this picture.", "what is in this picture?", "describe it",
    "what does this show?", "tell me what you see", "can you describe this?", "who is this?",
    "what does the character look like?",
    "caption this", "write a caption", "what's in the image?", "describe the image please",
    "what do you see in this picture?",
    "what is this?", "tell me about this picture", "describe this sprite", "what am i looking at?",
    "describe this character in one sentence",
    "give me a description", "please describe the picture", "what is shown here?", "say what you see",
    "how does this character look?",
    "what does he look like?", "what does she look like?", "describe what he is wearing", "explain this picture",
    "image description",
)  # fmt: skip


def description(looks: Looks, who: Character, direction: str, frame: int, rng: random.Random) -> list[Turn]:
    """Return a question about one frame, and its answer: the seen look as thinking, then a sentence."""
    visible = looks.library.visible(who, direction, [frame])
    description = caption(looks.library, who, direction, visible=visible, video=False)
    question = as_typed(rng.choice(ASKED), rng, typos=0.03)
    return [
        user(question),
        assistant(description[0].upper() + description[1:] + ".", str(looks.seen(who, direction, frame))),
    ]
