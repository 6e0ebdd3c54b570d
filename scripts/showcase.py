"""Make the picture at the top of the README: sprites above, animations below, all by the shipped model.

python scripts/showcase.py docs/made-by-tiny.gif
"""

import pathlib
import sys

import numpy as np

from sancai import api, media

SPRITES = (
    "a knight in steel armour with a red cape, facing left",
    "a female elf with long red hair, wearing a green tunic, facing the viewer",
    "a skeleton, facing right",
    "a male orc with green skin, wearing a blue t-shirt and black trousers, facing away",
    "a woman with blonde hair, wearing a purple kimono, facing the viewer",
    "a lizardman with green scales, wearing blue trousers, facing right",
)
CLIPS = (
    "a skeleton walking right",
    "a knight in steel armour, slashing, facing left",
    "a woman in a red t-shirt, blue leggings and brown boots, running right",
    "a male orc with green skin, in a white t-shirt, thrusting, facing the viewer",
    "an old man in a blue t-shirt, casting a spell, facing the viewer",
    "a female elf with long blonde hair, in a green tunic, shooting, facing left",
)
GROUND = 222


def main() -> None:
    """Draw all and write one animation."""
    model = api.load()
    stills = [np.repeat(model.image(p, seed=1).frames, 8, 0) for p in SPRITES]
    clips = [model.video(p, seed=1).frames for p in CLIPS]
    rows = [np.concatenate(row, 2) for row in (stills, clips)]
    frames = media.enlarge(np.concatenate(rows, 1), 2)
    alpha = frames[..., 3:] / 255
    flat = (frames[..., :3] * alpha + GROUND * (1 - alpha)).astype(np.uint8)
    solid = np.concatenate([flat, np.full_like(flat[..., :1], 255)], -1)
    media.write_file(pathlib.Path(sys.argv[1]), media.animation_bytes(solid, ".gif", media.Playback(fps=8)))


if __name__ == "__main__":
    main()
