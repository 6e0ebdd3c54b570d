"""Draw a character, enlarge it, and draw it again from another seed.

python examples/draw.py "a skeleton with a red cape, facing left"
"""

import sys

import sancai

prompt = sys.argv[1] if len(sys.argv) > 1 else "a knight in steel armour with a red cape, facing left"
model = sancai.load()
for word in model.unknown_words(prompt):
    print(f"the model has never seen {word!r} and will guess")

for seed in (1, 2):
    clip = model.image(prompt, seed=seed, palette="known")
    clip.upscaled(4).save(f"character-{seed}.png")
    print(f"character-{seed}.png: {clip.frames.shape} uint8 RGBA before it was enlarged")
