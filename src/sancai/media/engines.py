"""Sheets → what game engines import beside a PNG: Godot's SpriteFrames and Unity's texture settings."""

import hashlib

from sancai.media.sheet import PlacedClip, Sheet

UNITY_HEAD = """\
fileFormatVersion: 2
guid: {guid}
TextureImporter:
  serializedVersion: 12
  mipmaps:
    enableMipMap: 0
  textureSettings:
    serializedVersion: 2
    filterMode: 0
    wrapU: 1
    wrapV: 1
  maxTextureSize: 8192
  spriteMode: 2
  spritePixelsToUnits: {units}
  alphaIsTransparency: 1
  textureType: 8
  textureCompression: 0
  spriteSheet:
    serializedVersion: 2
    sprites:
"""
UNITY_SPRITE = """\
    - serializedVersion: 2
      name: {name}
      rect:
        serializedVersion: 2
        x: {left}
        y: {bottom}
        width: {width}
        height: {height}
      alignment: 7
      pivot: {{x: 0.5, y: 0}}
      spriteID: {identity}
"""


def godot_resource(sheet: Sheet, image: str) -> bytes:
    """Return a SpriteFrames resource (.tres, Godot 4) with one animation a clip, for an AnimatedSprite2D.

    Args:
        image: file name of the sheet's PNG; both files lie in the same folder.
    """
    width, height = sheet.frame
    frames = sheet.frames()
    lines = [
        f'[gd_resource type="SpriteFrames" load_steps={len(frames) + 2} format=3]\n',
        f'[ext_resource type="Texture2D" path="{image}" id="sheet"]\n',
    ]
    for name, (left, top), _ in frames:
        lines += [
            f'[sub_resource type="AtlasTexture" id="{name}"]',
            'atlas = ExtResource("sheet")',
            f"region = Rect2({left}, {top}, {width}, {height})\n",
        ]
    lines += ["[resource]", f"animations = [{', '.join(map(_godot_animation, sheet.clips))}]\n"]
    return "\n".join(lines).encode()


def _godot_animation(clip: PlacedClip) -> str:
    """Return an animation; a frame's duration is told in units of the clip's first frame."""
    unit = clip.durations[0]
    frames = ", ".join(
        f'{{\n"duration": {duration / unit:.4g},\n"texture": SubResource("{clip.name}_{number}")\n}}'
        for number, duration in enumerate(clip.durations)
    )
    speed, loop = 1000 / unit, str(clip.loop).lower()
    return f'{{\n"frames": [{frames}],\n"loop": {loop},\n"name": &"{clip.name}",\n"speed": {speed:.6g}\n}}'


def unity_meta(sheet: Sheet, image: str) -> bytes:
    """Return the settings file (`image`.meta) that cuts a sheet into sprites named after clip and frame.

    Pixels stay sharp (no filter, no compression), the pivot is the feet; identities follow from the names, so that
    a sheet that is written anew keeps what refers to it.
    """
    width, height = sheet.frame
    text = UNITY_HEAD.format(guid=_identity(image), units=height)
    for name, (left, top), _ in sheet.frames():
        bottom = sheet.pixels.shape[0] - top - height
        text += UNITY_SPRITE.format(
            name=name, left=left, bottom=bottom, width=width, height=height, identity=_identity(f"{image}/{name}")
        )
    return text.encode()


def _identity(name: str) -> str:
    """Return 32 hexadecimal digits that follow from a name."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]
