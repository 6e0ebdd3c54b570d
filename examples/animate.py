"""Draw a character, bring it to life, and write a sprite sheet for game engines.

python examples/animate.py "an elf woman in a green tunic, facing right" walking slashing
"""

import pathlib
import sys

import sancai
from sancai import media

who = sys.argv[1] if len(sys.argv) > 1 else "a skeleton, facing right"
actions = sys.argv[2:] or ["walking", "slashing"]
model = sancai.load()
picture = model.image(who, seed=1)
picture.save("character.png")

clips = []
for action in actions:
    clip = model.video(action, start=picture, seed=1)
    clip.save(f"{action}.gif")
    clips.append(media.SheetClip(action, clip.frames, media.Playback(fps=8, loop=clip.loops)))

sheet = media.grid_sheet(clips, media.SheetLayout(columns=len(clips[0].frames)))
media.write_file(pathlib.Path("character-sheet.png"), media.png_bytes(sheet.pixels))
media.write_file(pathlib.Path("character-sheet.json"), media.sheet_json(sheet, "character-sheet.png"))
for name, corner, milliseconds in sheet.frames():
    print(f"{name} at {corner} for {milliseconds} ms")
