"""Where characters come from: a pack's folder, or small synthetic sheets drawn by code."""

from sancai.data.characters.library import Library, open_library


def open_pack(name: str) -> Library:
    """Return the library called `synthetic`, or the one in a folder."""
    if name == "synthetic":
        from sancai.data.characters.synthetic import synthetic_library

        return synthetic_library()
    return open_library(name)
