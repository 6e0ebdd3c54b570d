"""What `generation.json` says about models that were trained on characters."""

from typing import Any

from sancai.data.characters.captions import DOING
from sancai.data.characters.library import Library


def generation_settings(library: Library, *, whole_actions: bool = False) -> dict[str, Any]:
    """Return the settings of `generation.json` that follow from a library: how captions are written, and its actions.

    Args:
        whole_actions: training numbered frames as the art does and saw every frame of an action, so that a clip has as
            many frames as its action; else clips were 8 picked frames.
    """
    actions: dict[str, dict[str, Any]] = {}
    for key, spec in library.animations.items():
        facts = {"loops": bool(spec["loop"])} | ({"frames": int(spec["frames"])} if whole_actions else {})
        for words in (spec["ing"], spec["verb"], key, *DOING.get(key, ())):
            actions.setdefault(words.lower(), facts)
    longest = max(int(spec["frames"]) for spec in library.animations.values()) if whole_actions else 8
    return {"lower_case": True, "effort": "low", "max_frames": longest, "actions": actions}
