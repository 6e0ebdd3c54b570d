"""Draw from a look, edit one phrase, and draw again: all else stays as it was described.

    python examples/look.py MODEL

MODEL is the folder of a model that plans before it draws: it has a `looks.json`, as models of `recipes.nano` and of
`recipes.tiny` have.
"""

import sys

import sancai

folder = sys.argv[1] if len(sys.argv) > 1 else "runs/nano/model"
model = sancai.load(folder)
looks = model.engine.looks
if looks is None:
    sys.exit(f"{folder} has no looks.json: its model draws from prompts directly; train one with recipes.nano:pretrain")

for slot in looks.slots:
    print(f"{slot.name}: {', '.join(list(slot.phrases)[:6])} …")

look = looks.parse("orc man; green skin; brown trousers; walking; facing left")
model.image(look=look.text, seed=1).save("before.png")

changed = look.text.replace("brown trousers", "blue trousers")
clip = model.image(look=changed, seed=1)
clip.save("after.png")
print(f"drawn from: {clip.look}")
print(f"in {len(looks.palette(looks.parse(clip.look)))} colours of the art")
