"""Sancai (三彩): one open model that writes, draws and films, on any chip.

import sancai

model = sancai.load()
model.image("a knight in steel armour with a red cape, facing left", seed=1).save("knight.png")
model.video("a skeleton with a spear walking right").save("walk.gif")
print(model.chat("what is 27 + 82?").text)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sancai.api import Answer, Clip, Sancai, load

__version__ = "0.1.0"
__all__ = ["Answer", "Clip", "Sancai", "__version__", "load"]


def __getattr__(name: str) -> Any:
    """Load the public face on first use, so that `import sancai` stays quick."""
    if name in ("Answer", "Clip", "Sancai", "load"):
        from sancai import api

        return getattr(api, name)
    raise AttributeError(f"module 'sancai' has no attribute {name!r}")
